import cookie from '@fastify/cookie';
import session from '@fastify/session';
import {RedisStore} from 'connect-redis';
import fastify from 'fastify';
import {createClient} from 'redis';

const client = await createClient({url: process.env.STORE_AT}).connect();
const store = new RedisStore({client, ttl: 15 * 60});

const app = fastify();
app.register(cookie);
app.register(session, {
  secret: 'a secret of no worth, for benchmarks only',
  store,
  saveUninitialized: false,
  cookie: {secure: false},
});

app.get('/ping', async () => 'pong');
app.get('/', async request => {
  if (request.session.get('count') === undefined) request.session.set('count', 0);
  return `Your session id is: ${request.session.sessionId}`;
});
app.post('/count', async request => {
  const count = Number(request.session.get('count') ?? 0) + 1;
  request.session.set('count', count);
  return String(count);
});

console.log(`Listening on ${await app.listen({port: Number(process.env.PORT), host: process.env.HOST})}`);
