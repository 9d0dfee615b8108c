// Run it with `npm run example uploads`, and open the page; the photos are in the folder UPLOADS, or in one for temporary files.
import {createHash} from 'node:crypto';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Child, Get, Post, Put, Resource, createError, html, serve, type Request} from 'espalier';
import {saveUploads} from 'espalier/builtin';

const folder = process.env['UPLOADS'] ?? join(tmpdir(), 'espalier-photos');

@Resource()
class Photos {
  @Get()
  form() {
    return html`<form method="post" enctype="multipart/form-data">
  <input name="title"> <input type="file" name="photo" accept="image/*" multiple> <button>Send</button>
</form>`;
  }

  @Post({status: 201})
  async add(request: Request) {
    const {files, fields} = await saveUploads(request, folder, {
      maxFileSize: 20 * 1024 * 1024,
      maxFiles: 5,
      types: ['image/jpeg', 'image/png'],
    });
    const title = fields.get('title');
    if (!title) throw createError(422, 'An album needs a title.');
    // Here an application would write the paths to its database.
    return {title, photos: files.map(({filename, type, size}) => ({filename, type, size}))};
  }
}

@Resource()
class Digests {
  /** What each part of a form comes to; nothing is kept of it. */
  @Post()
  async all(request: Request) {
    const digests: Record<string, string> = {};
    for await (const part of request.files({limit: 1024 ** 3})) {
      if (part.filename === undefined) continue;
      const hash = createHash('sha256');
      for await (const bytes of part) hash.update(bytes);
      digests[part.filename] = hash.digest('hex').slice(0, 8);
    }
    return digests;
  }

  /** What a body comes to that is no form. */
  @Put()
  async one(request: Request) {
    const hash = createHash('sha256');
    for await (const bytes of request.stream({limit: 1024 ** 3})) hash.update(bytes);
    return hash.digest('hex').slice(0, 8);
  }
}

@Resource()
@Child('photos', Photos)
@Child('digests', Digests)
class Home {}

await serve(Home, {requestTimeout: 60 * 60 * 1000, bodyCodings: ['gzip']});
