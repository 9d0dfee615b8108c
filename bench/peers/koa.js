import {randomUUID} from 'node:crypto';
import {bodyParser} from '@koa/bodyparser';
import cors from '@koa/cors';
import Koa from 'koa';
import CSRF from 'koa-csrf';
import helmet from 'koa-helmet';
import logger from 'koa-pino-logger';
import {createSession} from 'koa-session';
import {isEquipped, nowhere, origin} from './equipment.js';
import {order} from './order.js';

// koa-session has no store on the server of its own.
const sessions = new Map();
const store = {
  get: async id => sessions.get(id),
  set: async (id, session) => void sessions.set(id, session),
  destroy: async id => void sessions.delete(id),
};

const app = new Koa({keys: ['a secret of no worth, for measuring only']});

const parseBody = bodyParser();
app.use(async (context, next) => {
  if (context.path !== '/validated') return next();
  await parseBody(context, async () => {
    const {success, data, error} = order.safeParse(context.request.body);
    context.status = success ? 200 : 422;
    context.body = success ? {...data, state: 'taken'} : {errors: error.issues};
  });
});

if (isEquipped) {
  app.use(logger({}, nowhere));
  app.use(helmet());
  app.use(cors({origin, credentials: true}));
  app.use(parseBody);
}
app.use(createSession({key: 'sid', store, rolling: true, maxAge: 15 * 60 * 1000}, app));
if (isEquipped) app.use(new CSRF());

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
  '/token': ({state}) => state._csrf,
  '/sign-in': ({session}) => {
    session.user = 'ada';
    return 'Welcome.';
  },
  '/members/page': () => 'for members',
};
app.use(async (context, next) => {
  if (context.path.startsWith('/members/') && context.session.user === undefined) context.throw(401, 'Sign in first.');
  await next();
});
app.use(async context => {
  context.body = routes[context.path](context);
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
