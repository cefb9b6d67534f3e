// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Thousands of large buffers made and dropped; the last ones stay right.
'use strict';
const { createHash } = require('crypto');

const kept = [];
for (let i = 0; i < 3000; i++) {
  const buffer = Buffer.alloc(200000 + (i % 7) * 100000);
  buffer[i] = i;
  if (i % 300 === 0) kept.push(buffer);
}
const table = new Map();
for (let i = 0; i < 200000; i++) table.set(`key${i}`, { n: i, text: `text ${i}` });
for (let i = 0; i < 200000; i += 2) table.delete(`key${i}`);
console.log(table.size, JSON.stringify([...table.values()]).length);
const hash = createHash('sha256');
for (const buffer of kept) hash.update(buffer);
console.log(kept.length, hash.digest('hex'));
