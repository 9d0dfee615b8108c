// A site that reads all that a request can have, and says how long it has kept the event loop from anything else.
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {Child, createSite, Get, inject, Post, Resource, SessionService, type Request} from '../../src/index.ts';

@Resource()
class Json {
  @Post()
  async read(request: Request) {
    return typeof (await request.json());
  }
}

@Resource()
class Form {
  @Post()
  async read(request: Request) {
    return String([...(await request.form())].length);
  }
}

@Resource()
class Parts {
  @Post()
  async read(request: Request) {
    let bytes = 0;
    for await (const part of request.files()) bytes += (await part.bytes()).length + (part.filename?.length ?? 0);
    return String(bytes);
  }
}

@Resource()
class Text {
  @Post()
  async read(request: Request) {
    return String((await request.text()).length);
  }
}

@Resource()
class Head {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async read(request: Request) {
    const {query, cookies, ip, secure, host, mountPath} = request;
    const session = await this.sessions.findSession();
    return {
      query: [...query].length,
      cookies: Object.keys(cookies).length,
      ip,
      secure,
      host,
      mountPath,
      uid: session?.uid,
    };
  }
}

@Resource()
class Folder {
  @Get()
  read({params, postpath}: Request) {
    return {params, postpath};
  }

  @Child(':name', () => Folder)
  open(_name: string, request: Request) {
    return request.prepath.length === request.segments.length && request.params['name'] === 'none'
      ? undefined
      : new Folder();
  }
}

@Resource({leaf: true})
class Files {
  @Get()
  read({postpath}: Request) {
    return postpath.join('/');
  }
}

@Resource()
@Child('json', Json)
@Child('form', Form)
@Child('text', Text)
@Child('head', Head)
@Child('folder', Folder)
@Child('parts', Parts)
@Child('files', Files)
class Root {
  @Get()
  show() {
    return 'root';
  }
}

const site = createSite(Root, {trustProxy: ['loopback', '10.0.0.0/8'], bodyCodings: ['gzip']});
const url = await site.listen({port: 0, host: '127.0.0.1'});
const delay = monitorEventLoopDelay({resolution: 1});
delay.enable();
process.on('message', () => {
  // In milliseconds, without the one that passes between two looks.
  process.send!(Math.max(0, delay.max / 1e6 - 1));
  delay.reset();
});
process.send!(url);
