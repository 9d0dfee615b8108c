import {RedisStore} from 'connect-redis';
import express from 'express';
import session from 'express-session';
import {createClient} from 'redis';

const client = await createClient({url: process.env.STORE_AT}).connect();
const store = new RedisStore({client, ttl: 15 * 60});

const app = express();
app.use(session({secret: 'a secret of no worth, for benchmarks only', store, resave: false, saveUninitialized: false}));

app.get('/ping', (request, response) => response.type('text').send('pong'));
app.get('/', (request, response) => {
  request.session.count ??= 0;
  response.type('text').send(`Your session id is: ${request.sessionID}`);
});
app.post('/count', (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1;
  response.type('text').send(String(request.session.count));
});

const server = app.listen(Number(process.env.PORT), process.env.HOST, () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
