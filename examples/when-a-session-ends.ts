// Run it with `npm run example when-a-session-ends`.
import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as later} from 'node:timers/promises';
import {
  Child,
  ContainerModule,
  Get,
  OnExpire,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  inject,
  serve,
  type Request,
  type Response,
  type Session,
  type SessionEnd,
} from 'espalier';

@SessionComponent('uploads')
class Uploads {
  names: string[] = [];
}

/** A folder for each session that has uploaded something. */
class Folders {
  readonly #root = mkdtempSync(join(tmpdir(), 'uploads-'));

  @OnExpire()
  clearAway(end: SessionEnd): void {
    rmSync(join(this.#root, end.key), {recursive: true, force: true});
    console.log(`Cleared ${end.get(Uploads).names.length} uploads away; reason: ${end.reason}.`);
  }

  write(key: string, name: string, content: Uint8Array): void {
    mkdirSync(join(this.#root, key), {recursive: true});
    writeFileSync(join(this.#root, key, name), content);
  }

  get count(): number {
    return readdirSync(this.#root).length;
  }
}

@Resource()
class Upload {
  constructor(
    @inject(SessionService) private readonly sessions: SessionService,
    @inject(Folders) private readonly folders: Folders,
  ) {}

  @Post()
  async store(request: Request) {
    const session = await this.sessions.getSession();
    const {names} = await session.update(Uploads, uploads => uploads.names.push(`${uploads.names.length + 1}.txt`));
    this.folders.write(session.key, names.at(-1)!, await request.bytes());
    return names;
  }
}

@Resource()
class Leave {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async leave() {
    await this.sessions.expire();
    return 'Goodbye.';
  }
}

@Resource()
class Watch {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async watch(_request: Request, response: Response) {
    const session = await this.sessions.findSession();
    if (session) response.setHeader('Content-Type', 'text/event-stream');
    return session && this.#counts(session);
  }

  async *#counts(session: Session) {
    while (await session.touch()) {
      yield `data: ${session.get(Uploads).names.length} uploads\n\n`;
      await later(1000);
    }
  }
}

@Resource()
@Child('upload', Upload)
@Child('leave', Leave)
@Child('watch', Watch)
class Home {
  constructor(@inject(Folders) private readonly folders: Folders) {}

  @Get()
  show() {
    return {folders: this.folders.count};
  }
}

const services = new ContainerModule(({bind}) => {
  bind(Folders).toSelf().inSingletonScope();
});

await serve(Home, {modules: [services]});
