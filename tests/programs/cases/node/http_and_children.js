// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A server and a client on the loopback, and child processes.
'use strict';
const { createHash } = require('crypto');
const { execFileSync, fork } = require('child_process');
const http = require('http');
const digest = (data) => createHash('sha256').update(data).digest('hex');

if (process.argv[2] === 'child') {
  process.on('message', (message) => {
    process.send({ length: message.text.length, sum: digest(message.text) }, () => process.exit(5));
  });
} else {
  console.log(digest(execFileSync('/usr/bin/seq', ['300000'], { maxBuffer: 1 << 25 })));
  const child = fork(__filename, ['child']);
  child.on('message', (message) => console.log(message));
  child.on('exit', (code) => {
    console.log('child', code);
    const server = http.createServer((request, response) => {
      const hash = createHash('sha256');
      request.on('data', (chunk) => hash.update(chunk));
      request.on('end', () => response.end(hash.digest('hex').repeat(20000)));
    });
    server.listen(0, '127.0.0.1', async () => {
      for (const size of [10, 100000, 8000000]) {
        await new Promise((resolve) => {
          const request = http.request({ port: server.address().port, method: 'POST' }, (response) => {
            const chunks = [];
            response.on('data', (chunk) => chunks.push(chunk));
            response.on('end', () => {
              console.log(size, digest(Buffer.concat(chunks)));
              resolve();
            });
          });
          request.end(Buffer.alloc(size, 'x'));
        });
      }
      server.close();
    });
  });
  child.send({ text: 'message '.repeat(400000) });
}
