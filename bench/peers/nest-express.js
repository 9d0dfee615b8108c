import {NestFactory} from '@nestjs/core';
import session from 'express-session';
import {AppModule} from './nest.js';

const app = await NestFactory.create(AppModule, {logger: false});
app.use(
  session({
    name: 'sid',
    secret: 'a secret of no worth, for measuring only',
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: {sameSite: 'lax', maxAge: 15 * 60 * 1000},
  }),
);
await app.listen(Number(process.env.PORT), '127.0.0.1');
console.log(`Listening on ${await app.getUrl()}`);
