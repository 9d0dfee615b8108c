import {serve} from '@hono/node-server';
import {zValidator} from '@hono/zod-validator';
import {Hono} from 'hono';
import {cors} from 'hono/cors';
import {csrf} from 'hono/csrf';
import {logger} from 'hono/logger';
import {secureHeaders} from 'hono/secure-headers';
import {MemoryStore, sessionMiddleware} from 'hono-sessions';
import {isEquipped, origin} from './equipment.js';
import {order} from './order.js';

const app = new Hono();
// A route without a session stands before what gives it one.
app.post('/validated', zValidator('json', order), context =>
  context.json({...context.req.valid('json'), state: 'taken'}),
);
if (isEquipped) {
  app.use(logger(() => {}));
  app.use(secureHeaders());
  app.use(cors({origin, credentials: true}));
  app.use(csrf({origin}));
}
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
app.on(['GET', 'POST'], '/', context => {
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
app.post('/sign-in', context => {
  context.get('session').set('user', 'ada');
  return context.text('Welcome.');
});
app.use('/members/*', async (context, next) => {
  if (!context.get('session').get('user')) return context.text('Sign in first.', 401);
  await next();
});
app.get('/members/page', context => context.text('for members'));

serve({fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1'}, ({port}) => {
  console.log(`Listening on http://127.0.0.1:${port}`);
});
