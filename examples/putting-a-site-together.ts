// Run it with `npm run example putting-a-site-together`. The old application that it leads to is in here too, so that all can be tried.
import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {Child, Get, Resource, serve} from 'espalier';
import {health, mount, redirectTo, robots, securityTxt, virtualHosts} from 'espalier/builtin';
import {proxy} from 'espalier/builtin/proxy';

const old = createServer((request, response) => {
  const {host, 'x-forwarded-prefix': prefix} = request.headers;
  response.end(`The old application was asked for ${request.url} of ${host}, below ${String(prefix)}.`);
});
await once(old.listen(0, '127.0.0.1').unref(), 'listening');
const oldUrl = `http://127.0.0.1:${(old.address() as AddressInfo).port}`;

async function api(request: globalThis.Request): Promise<globalThis.Response> {
  return globalThis.Response.json({method: request.method, path: new URL(request.url).pathname});
}

@Resource()
@Child('security.txt', securityTxt({contact: 'mailto:security@example.org', preferredLanguages: ['en', 'de']}))
class WellKnown {}

@Resource()
@Child('api', mount(api))
@Child('old', proxy(oldUrl, {timeout: 10_000}))
@Child('blog', redirectTo('https://blog.example.org', {below: true, status: 308}))
@Child('health', health({checks: {old: async () => (await fetch(oldUrl)).ok}}))
@Child('robots.txt', robots('User-agent: *\nDisallow: /old\n'))
@Child('.well-known', WellKnown)
class Shop {
  @Get()
  show() {
    return 'The shop';
  }
}

@Resource()
class Admin {
  @Get()
  show() {
    return 'For those who run the shop';
  }
}

const Hosts = virtualHosts({'admin.localhost': Admin, '*': Shop});

await serve(Hosts, {handlerTimeout: 30_000, maxRequests: 1000});
