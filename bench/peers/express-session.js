// express-session as Express's and Nest's servers both use it.
import session from 'express-session';

export const sessions = () =>
  session({
    name: 'sid',
    secret: 'a secret of no worth, for measuring only',
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: {sameSite: 'lax', maxAge: 15 * 60 * 1000},
  });
