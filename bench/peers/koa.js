import {randomUUID} from 'node:crypto';
import Koa from 'koa';
import {createSession} from 'koa-session';

// koa-session has no store on the server of its own.
const sessions = new Map();
const store = {
  get: async id => sessions.get(id),
  set: async (id, session) => void sessions.set(id, session),
  destroy: async id => void sessions.delete(id),
};

const app = new Koa({keys: ['a secret of no worth, for measuring only']});
app.use(createSession({key: 'sid', store, rolling: true, maxAge: 15 * 60 * 1000}, app));

const routes = {
  '/ping': () => 'pong',
  '/': ({session}) => {
    // koa-session tells nobody the id that it has given.
    session.id ??= randomUUID();
    return `Your session id is: ${session.id}`;
  },
  '/count': ({session}) => {
    session.count = (session.count ?? 0) + 1;
    return String(session.count);
  },
};
app.use(async context => {
  context.body = routes[context.path](context);
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
