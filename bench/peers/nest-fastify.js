import {NestFactory} from '@nestjs/core';
import {FastifyAdapter} from '@nestjs/platform-fastify';
import {addEquipment, logged} from './fastify-equipment.js';
import {addSession} from './fastify-session.js';
import {AppModule} from './nest.js';

const adapter = new FastifyAdapter(logged);
const app = await NestFactory.create(AppModule, adapter, {logger: false});
await addSession(app);
await addEquipment(adapter.getInstance());
await app.listen(Number(process.env.PORT), '127.0.0.1');
console.log(`Listening on ${await app.getUrl()}`);
