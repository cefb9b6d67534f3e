// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Buffers of tens of megabytes: zeroed, filled, joined, searched.
'use strict';
const { createHash } = require('crypto');
const digest = (data) => createHash('sha256').update(data).digest('hex');

for (const size of [100, 70000, 1 << 20, 20000001]) {
  const zeroed = Buffer.alloc(size);
  console.log(size, zeroed.every((byte) => byte === 0));
  zeroed.fill(0x5a);
  console.log(digest(Buffer.alloc(size)), digest(Buffer.alloc(size, 'abc')));
}
const parts = Array.from({ length: 30 }, (_, i) => Buffer.alloc(300000 + i, i));
const joined = Buffer.concat(parts);
console.log(joined.length, digest(joined), joined.indexOf(Buffer.from([28, 29])));
console.log(digest(joined.toString('base64')), digest(joined.swap16 ? joined.subarray(0, 2000000).swap16() : ''));
console.log(new Float64Array(2000000).reduce((sum, value) => sum + value, 0));
console.log(digest(new Uint8Array(joined.buffer.slice(1000, 5000000))));
