// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory that is not filled by node: what is written to it is what is read.
'use strict';
const { createHash } = require('crypto');

for (const size of [1000, 100000, 1 << 20, 16 << 20]) {
  for (let round = 0; round < 5; round++) {
    const buffer = Buffer.allocUnsafe(size);
    for (let i = 0; i < size; i += 997) buffer[i] = (i + round) & 255;
    let sum = 0;
    for (let i = 0; i < size; i += 997) sum += buffer[i];
    buffer.fill(round);
    const slow = Buffer.allocUnsafeSlow(size).fill(buffer);
    console.log(size, sum, buffer.equals(slow), createHash('md5').update(slow).digest('hex'));
  }
}
