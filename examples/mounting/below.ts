// A Hono application below a resource.
import {Child, Get, Resource, serve} from 'espalier';
import {mount, type MountContext} from 'espalier/builtin';
import {Hono} from 'hono';
import {streamText} from 'hono/streaming';

const api = new Hono<{Bindings: MountContext}>()
  .get('/articles/:name', context => context.json({name: context.req.param('name')}))
  .post('/articles', async context => context.json(await context.req.json(), 201))
  .get('/visitor', context => context.text(context.env.ip))
  .get('/stream', context =>
    streamText(context, async stream => void (await stream.write('one ').then(() => stream.write('two')))),
  )
  .all('/method', context => context.text(context.req.method));

@Resource()
@Child('api', mount(api.fetch))
class Home {
  @Get()
  greet() {
    return 'Home';
  }
}

await serve(Home);
