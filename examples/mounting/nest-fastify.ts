import 'reflect-metadata';
import {Controller, Get, Module, type OnApplicationShutdown} from '@nestjs/common';
import {NestFactory} from '@nestjs/core';
import {FastifyAdapter} from '@nestjs/platform-fastify';
import {site} from './shop.js';

@Controller()
class HomeController {
  @Get()
  home() {
    return 'Home';
  }
}

@Module({controllers: [HomeController]})
class AppModule implements OnApplicationShutdown {
  onApplicationShutdown() {
    return site.close();
  }
}

const app = await NestFactory.create(AppModule, new FastifyAdapter(), {logger: ['error', 'warn']});
app.use('/shop', site.handler);
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 8080, 'localhost');
console.log(`Listening on ${await app.getUrl()}`);
