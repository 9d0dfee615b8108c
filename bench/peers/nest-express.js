import {NestFactory} from '@nestjs/core';
import {isEquipped} from './equipment.js';
import {csrf, equipment} from './express-equipment.js';
import {sessions} from './express-session.js';
import {AppModule} from './nest.js';

const app = await NestFactory.create(AppModule, {logger: false});
if (isEquipped) app.use(...equipment());
app.use(sessions());
if (isEquipped) {
  app.use(csrf());
  app.use('/token', (request, response) => response.type('text').send(request.csrfToken()));
}
await app.listen(Number(process.env.PORT), '127.0.0.1');
console.log(`Listening on ${await app.getUrl()}`);
