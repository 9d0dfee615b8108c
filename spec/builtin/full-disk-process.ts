// A process that saves uploads, for a spec that has the kernel refuse it to write more.
import {createSite, Post, Resource, type Request} from 'espalier';
import {saveUploads} from 'espalier/builtin';

@Resource()
class Root {
  @Post()
  async save(request: Request) {
    return String((await saveUploads(request, process.argv[2]!)).files.length);
  }
}

process.send!(await createSite(Root).listen({port: 0, host: '127.0.0.1'}));
process.once('disconnect', () => process.exit());
