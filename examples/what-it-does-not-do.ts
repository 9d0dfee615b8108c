// Run it with `npm run example what-it-does-not-do`.
import type {AddressInfo} from 'node:net';
import express from 'express';
import {Get, Resource, createSite} from 'espalier';

@Resource()
class Home {
  @Get()
  greet() {
    return 'The documentation is in /docs.';
  }
}

const site = createSite(Home);
const app = express();

app.use('/docs', express.static('docs'));
app.use(site.handler);

const server = app.listen(Number(process.env['PORT'] ?? 8080), 'localhost', () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => {
  server.close();
  void site.close();
});
