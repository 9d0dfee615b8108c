// Run it with `npm run example what-it-does-not-do`.
import type {AddressInfo} from 'node:net';
import express from 'express';
import {Child, Post, Resource, createSite, type InputOf} from 'espalier';
import {z} from 'zod';

const adding = {body: z.object({text: z.string()})};

@Resource()
class Notes {
  @Post(adding)
  add({body}: InputOf<typeof adding>) {
    return body;
  }
}

@Resource()
@Child('notes', Notes)
class Home {}

const site = createSite(Home);
const app = express();

app.use((request, response, next) => {
  response.vary('Origin').set('Access-Control-Allow-Origin', 'https://app.example');
  if (!request.get('Access-Control-Request-Method')) return next();
  response
    .set({'Access-Control-Allow-Methods': 'POST', 'Access-Control-Allow-Headers': 'Content-Type'})
    .sendStatus(204);
});
app.use('/docs', express.static('docs'));
app.use(site.handler);

const server = app.listen(Number(process.env['PORT'] ?? 8080), 'localhost', () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => {
  server.close();
  void site.close();
});
