// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Native modules that allocate on the thread pool, and streams between them.
'use strict';
const { createHash, randomBytes, scryptSync, createCipheriv } = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const { pipeline, Readable } = require('stream');
const digest = (data) => createHash('sha256').update(data).digest('hex');

const data = Buffer.from(Array.from({ length: 200000 }, (_, i) => `line ${i * 7919 % 10007}\n`).join(''));
for (const [pack, unpack] of [
  [zlib.gzipSync, zlib.gunzipSync],
  [zlib.brotliCompressSync, zlib.brotliDecompressSync],
]) {
  const options = { level: 9, params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } };
  const packed = pack(data, options);
  console.log(packed.length, unpack(packed).equals(data));
}
console.log(digest(scryptSync('password', 'salt', 64, { N: 1 << 14 })));
console.log(digest(createCipheriv('aes-256-cbc', Buffer.alloc(32), Buffer.alloc(16)).update(data)));
console.log(randomBytes(3000000).length);
fs.writeFileSync('data', data);
pipeline(
  fs.createReadStream('data', { highWaterMark: 1 << 20 }),
  zlib.createGzip(),
  zlib.createGunzip(),
  fs.createWriteStream('copy'),
  (error) => {
    console.log(error, fs.readFileSync('copy').equals(data));
    fs.unlinkSync('data');
    fs.unlinkSync('copy');
  });
Readable.from(['a', 'b']).on('data', () => {});
