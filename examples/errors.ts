// Run it with `npm run example errors`.
import {Child, Get, Post, Resource, createError, serve, type Request} from 'espalier';

@Resource()
class Orders {
  @Post()
  async place(request: Request) {
    const {amount} = Object(await request.json()) as {amount?: unknown};
    if (typeof amount !== 'number' || amount <= 0) throw createError(422, 'An order needs an amount above 0.');
    return {amount};
  }
}

@Resource()
class Broken {
  @Get()
  show(): string {
    throw new Error('The password of the database is swordfish.');
  }
}

@Resource()
@Child('orders', Orders)
@Child('broken', Broken)
class Home {
  @Get()
  welcome() {
    return 'POST /orders, or GET /broken.';
  }
}

await serve(Home);
