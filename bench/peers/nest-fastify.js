import {NestFactory} from '@nestjs/core';
import {FastifyAdapter} from '@nestjs/platform-fastify';
import {addSession} from './fastify-session.js';
import {AppModule} from './nest.js';

const app = await NestFactory.create(AppModule, new FastifyAdapter(), {logger: false});
await addSession(app);
await app.listen(Number(process.env.PORT), '127.0.0.1');
console.log(`Listening on ${await app.getUrl()}`);
