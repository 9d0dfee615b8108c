// Run it with `npm run example mounting`.
import type {AddressInfo} from 'node:net';
import express from 'express';
import {site} from './mounting/shop.js';

const app = express();
app.use('/shop', site.handler);
app.use(express.json());
app.get('/', (_request, response) => {
  response.send('Home');
});

const server = app.listen(Number(process.env['PORT'] ?? 8080), 'localhost', () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => {
  server.close();
  void site.close();
});
