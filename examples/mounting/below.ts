// A Hono application below a resource.
import {Child, Delete, Get, Patch, Post, Put, Resource, serve, type Request} from 'espalier';
import {Hono} from 'hono';

const api = new Hono()
  .get('/articles/:name', context => context.json({name: context.req.param('name')}))
  .post('/articles', async context => context.json(await context.req.json(), 201));

@Resource({leaf: true})
class Api {
  @Get()
  @Post()
  @Put()
  @Patch()
  @Delete()
  async answer(request: Request) {
    const {method, postpath, search} = request;
    const url = new URL(`/${postpath.map(encodeURIComponent).join('/')}${search}`, 'http://localhost');
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (!name.startsWith(':')) headers.set(name, String(value));
    }
    const body = method === 'GET' || method === 'HEAD' ? null : new Uint8Array(await request.bytes());
    return api.fetch(new globalThis.Request(url, {method, headers, body}));
  }
}

@Resource()
@Child('api', Api)
class Home {
  @Get()
  greet() {
    return 'Home';
  }
}

await serve(Home);
