// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Isolates of their own that get, keep and give back large buffers.
'use strict';
const { createHash } = require('crypto');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

if (isMainThread) {
  const results = [];
  const workers = Array.from({ length: 4 }, (_, index) => {
    const moved = new Uint8Array(5000000).fill(index);
    const worker = new Worker(__filename, { workerData: { index, moved }, transferList: [moved.buffer] });
    return new Promise((resolve, reject) => {
      worker.on('message', (message) => { results[index] = message; });
      worker.on('error', reject);
      worker.on('exit', (code) => resolve(code));
    });
  });
  Promise.all(workers).then((codes) => {
    for (const { text, data } of results) {
      console.log(text, createHash('sha256').update(data).digest('hex'));
    }
    console.log(codes);
  });
} else {
  const { index, moved } = workerData;
  for (let i = 0; i < 40; i++) Buffer.allocUnsafe(1 << (16 + (i % 6))).fill(i);
  const list = Array.from({ length: 200000 }, (_, i) => `${index}:${i}`);
  const data = new Uint8Array(3000000).fill(index + 1);
  parentPort.postMessage({ text: `${list.length} ${moved[4999999]}`, data }, [data.buffer]);
}
