import {once} from 'node:events';
import Koa from 'koa';
import {site} from './shop.js';

const app = new Koa();
app.use(async (context, next) => {
  context.cookies.set('language', 'en');
  context.vary('Accept-Language');
  await next();
});
app.use(async (context, next) => {
  const {url, req, res} = context;
  if (!/^\/shop(?=[/?]|$)/.test(url)) return next();
  context.respond = false;
  Object.assign(req, {originalUrl: url, url: url.slice('/shop'.length)});
  site.handler(req, res);
  await once(res, 'close');
});
app.use(context => {
  if (context.path === '/') context.body = 'Home';
});

const port = Number(process.env['PORT'] ?? 8080);
const server = app.listen(port, 'localhost', () => console.log(`Listening on http://localhost:${port}`));
process.once('SIGTERM', () => {
  server.close();
  void site.close();
});
