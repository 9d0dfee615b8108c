import test from 'ava';
import {Child, createSite, Get, Post, Resource} from 'espalier';
import {Socket, virtualHosts} from 'espalier/builtin';
import {urlsOf} from '../../src/cli/urls.ts';

@Resource()
class Note {
  @Get()
  show() {
    return 'note';
  }

  @Post()
  change() {
    return 'changed';
  }
}

@Resource()
@Child(':id', Note)
class Notes {}

@Resource()
@Child('notes', Notes)
class Home {
  @Get()
  show() {
    return 'home';
  }
}

test('each resource that answers has its URL, its verbs and its class on a line', async t => {
  const site = createSite(Home);
  t.is(
    urlsOf(site.tree, 'http://localhost:8080'),
    `http://localhost:8080/           GET  Home\nhttp://localhost:8080/notes/:id  GET POST  Note`,
  );
  await site.close();
});

@Resource()
class Talk {
  @Socket()
  talk() {}
}

test('a resource of WebSockets is among them, and each host has URLs of its own', async t => {
  const site = createSite(virtualHosts({'notes.example': Notes, 'talk.example': Talk, '*': Home}));
  t.is(
    urlsOf(site.tree, 'http://localhost:8080'),
    `http://notes.example:8080/:id    GET POST  Note
http://talk.example:8080/        SOCKET  Talk
http://localhost:8080/           GET  Home
http://localhost:8080/notes/:id  GET POST  Note`,
  );
  await site.close();
});
