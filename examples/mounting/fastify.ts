import middie from '@fastify/middie';
import fastify from 'fastify';
import {site} from './shop.js';

const app = fastify();
await app.register(middie);
app.use('/shop', site.handler);
app.get('/', () => 'Home');
app.addHook('onClose', () => site.close());

console.log(`Listening on ${await app.listen({port: Number(process.env['PORT'] ?? 8080), host: 'localhost'})}`);
process.once('SIGTERM', () => app.close());
