// An Express application that is there already, beside a site that has all other paths.
import express from 'express';
import {site} from './shop.js';

const old = express.Router();
old.get('/', (_request, response) => {
  response.send('As ever');
});

const app = express();
app.use('/old', old);
app.use(site.handler);

const server = app.listen(Number(process.env['PORT'] ?? 8080), 'localhost', () => console.log('Listening'));
process.once('SIGTERM', () => {
  server.close();
  void site.close();
});
