// Run it with `npm run example serving-files`.
import {mkdirSync, mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Child, Get, Resource, html, serve, type Request, type Response} from 'espalier';
import {files, sendFile} from 'espalier/builtin';

/** An application has its files beside its program: `new URL('./public/', import.meta.url)`. */
const folder = mkdtempSync(join(tmpdir(), 'serving-files-'));
for (const part of ['public/assets', 'app', 'reports']) mkdirSync(join(folder, part), {recursive: true});
writeFileSync(join(folder, 'public/index.html'), '<h1>Welcome</h1>\n');
writeFileSync(join(folder, 'public/assets/app.css'), 'h1 { color: teal }\n');
writeFileSync(join(folder, 'public/.env'), 'SECRET=7\n');
writeFileSync(join(folder, 'app/index.html'), '<h1>The app</h1>\n');
writeFileSync(join(folder, 'reports/2026.txt'), 'All is well.\n');

/** Each visitor may have the reports that a program has written. */
@Resource()
class Report {
  @Get()
  show({params}: Request) {
    const {year} = params;
    return sendFile(`${year}.txt`, {root: join(folder, 'reports'), download: `Bericht März ${year}.txt`});
  }
}

@Resource()
@Child(':year', Report)
class Reports {}

interface Note {
  readonly text: string;
  readonly changedAt: Date;
}

@Resource()
class CurrentNote {
  readonly #note: Note = {text: 'Water the pears.', changedAt: new Date('2026-11-20T10:00:00Z')};

  @Get()
  show(_request: Request, response: Response) {
    const {text, changedAt} = this.#note;
    response.lastModified = changedAt;
    return response.negotiate({
      html: () => html`<p>${text}</p>`,
      json: () => ({text, changedAt}),
    });
  }
}

@Resource()
@Child('site', files(join(folder, 'public')))
@Child('assets', files(join(folder, 'public/assets'), {maxAge: '1y', immutable: true}))
@Child('app', files(join(folder, 'app'), {fallback: 'index.html'}))
@Child('reports', Reports)
@Child('note', CurrentNote)
class Root {}

await serve(Root);
