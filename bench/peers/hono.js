import {serve} from '@hono/node-server';
import {Hono} from 'hono';
import {MemoryStore, sessionMiddleware} from 'hono-sessions';

const app = new Hono();
app.use(
  '*',
  sessionMiddleware({
    store: new MemoryStore(),
    sessionCookieName: 'sid',
    expireAfterSeconds: 15 * 60,
    cookieOptions: {path: '/', httpOnly: true, sameSite: 'Lax'},
  }),
);
app.get('/ping', context => context.text('pong'));
app.get('/', context => {
  const session = context.get('session');
  if (!session.get('isBegun')) session.set('isBegun', true);
  return context.text(`Your session id is: ${session.getCache()._id}`);
});
app.get('/count', context => {
  const session = context.get('session');
  const count = (session.get('count') ?? 0) + 1;
  session.set('count', count);
  return context.text(String(count));
});

serve({fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1'}, ({port}) => {
  console.log(`Listening on http://127.0.0.1:${port}`);
});
