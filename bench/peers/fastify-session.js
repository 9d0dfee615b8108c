// @fastify/session as Fastify's, Nest's and Inversify's servers all use it.
import cookie from '@fastify/cookie';
import session from '@fastify/session';

export async function addSession(app) {
  await app.register(cookie);
  await app.register(session, {
    cookieName: 'sid',
    secret: 'a secret of no worth, for measuring only',
    saveUninitialized: false,
    rolling: true,
    cookie: {secure: false, sameSite: 'lax', maxAge: 15 * 60 * 1000},
  });
}
