import test from 'ava';
import {Child, Get, Post, Resource, createSite, inject} from 'espalier';
import {testSite} from 'espalier/testing';
import type {ResourceClass} from '../../src/resource/declarations.ts';
import {growTree} from '../../src/resource/tree.ts';

@Resource()
class Page {
  @Get()
  show() {
    return 'page';
  }
}

class Unmarked extends Page {}

/** A tree whose instances are made without a container; `made` lists the ways to them. */
function grown(Root: ResourceClass) {
  const made: string[] = [];
  const root = growTree(Root, (resource, trail) => {
    made.push(trail);
    return new resource();
  });
  return {root, made};
}

test('a tree is a graph of classes: a class in two places is one node', t => {
  @Resource()
  @Child('a', Page)
  @Child(':b', Page)
  class Root {}
  const {root} = grown(Root);
  t.is(root.node.resource, Root);
  t.is(root.node.literals.get('a')!.node, root.node.capture!.node);
  t.is(root.node.capture!.capture, 'b');
});

test('the way to a resource is told segment by segment from the root', t => {
  @Resource()
  @Child('b', Page)
  class Middle {}
  @Resource()
  @Child('a', Middle)
  class Root {}
  t.deepEqual(grown(Root).made, ['Root → "a" Middle → "b" Page', 'Root → "a" Middle', 'Root']);
});

test('what a method makes is not made with the tree, but its own children are', t => {
  @Resource()
  @Child('b', Page)
  class Made {}
  @Resource()
  class Root {
    @Child(':id', Made)
    open(): Made {
      return new Made();
    }
  }
  const {root, made} = grown(Root);
  t.deepEqual(made, ['Root → ":id" Made → "b" Page', 'Root']);
  t.is(root.node.capture!.instance, undefined);
  t.is(root.node.capture!.method, 'open');
});

test('Allow lists the declared verbs, OPTIONS, and HEAD where GET is answered', t => {
  @Resource()
  class Form {
    @Post()
    save() {}
  }
  t.is(grown(Page).root.node.allow, 'GET, HEAD, OPTIONS');
  t.is(grown(Form).root.node.allow, 'OPTIONS, POST');
});

test('a class without @Resource() is refused with the way to it', t => {
  @Resource()
  @Child('b', Unmarked)
  class Middle {}
  @Resource()
  @Child('a', Middle)
  class Root {}
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_UNMARKED',
    message:
      'Root → "a" Middle → "b" Unmarked: Unmarked is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]',
  });
});

test('a root without @Resource() is refused', t => {
  t.throws(() => createSite(Unmarked), {
    code: 'RESOURCE_UNMARKED',
    message: 'Unmarked: Unmarked is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]',
  });
});

test('a class without @Resource() is refused below a method, too', t => {
  @Resource()
  class Root {
    @Child(':id', Unmarked)
    open(): Unmarked {
      return new Unmarked();
    }
  }
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_UNMARKED',
    message:
      'Root → ":id" Unmarked: Unmarked is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]',
  });
});

test('a function that gives no class is refused when the site is built, with the way out', t => {
  @Resource()
  @Child('a', () => undefined as unknown as typeof Page)
  class Root {}
  t.throws(() => createSite(Root), {
    code: 'CHILD_UNDEFINED',
    message:
      'The class of the child "a" of Root is undefined. If it is declared later or imported in a circle, write @Child("a", () => TheClass). [CHILD_UNDEFINED]',
  });
});

test('a child "" of the root is refused, for no request can reach it', t => {
  @Resource()
  @Child('', Page)
  class Root {}
  t.throws(() => createSite(Root), {
    code: 'CHILD_UNREACHABLE',
    message:
      'Root is the root and has a child "": no request can reach it, for "/" is the root itself. Let Root answer. [CHILD_UNREACHABLE]',
  });
});

test('a child "" of the root is allowed where the root is also below itself', async t => {
  @Resource()
  @Child('', Page)
  class Folder {
    @Child(':name', () => Folder)
    open(): Folder {
      return new Folder();
    }
  }
  const {visitor} = testSite(Folder);
  t.is(await (await visitor().get('/a/')).text(), 'page');
});

const endless =
  'this class is above itself already, so the tree would have no end. Put @Child on a method that makes the child when it is asked for. [RESOURCE_CYCLE]';

test('a class that is its own child is refused', t => {
  @Resource()
  @Child('a', () => Root)
  class Root {}
  t.throws(() => createSite(Root), {code: 'RESOURCE_CYCLE', message: `Root → "a" Root: ${endless}`});
});

test('a class below itself over others is refused with the whole way', t => {
  @Resource()
  @Child('a', () => Middle)
  class Root {}
  @Resource()
  @Child(':b', () => Last)
  class Middle {}
  @Resource()
  @Child('c', Middle)
  class Last {}
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_CYCLE',
    message: `Root → "a" Middle → ":b" Last → "c" Middle: ${endless}`,
  });
});

test('a cycle is refused below a method, too', t => {
  @Resource()
  class Root {
    @Child(':id', () => Made)
    open(): Made {
      return new Made();
    }
  }
  @Resource()
  @Child('a', () => Made)
  class Made {}
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_CYCLE',
    message: `Root → ":id" Made → "a" Made: ${endless}`,
  });
});

test('a cycle is refused even where a method leads into it before it is closed', t => {
  @Resource()
  @Child('root', () => Root)
  class Below {}
  @Resource()
  @Child('below', Below)
  class Way {}
  @Resource()
  @Child('below', Below)
  class Root {
    @Child('way', Way)
    way(): Way {
      return new Way();
    }
  }
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_CYCLE',
    message: `Root → "below" Below → "root" Root: ${endless}`,
  });
});

test('a class may be below itself where a method makes it', async t => {
  @Resource()
  @Child('page', Page)
  class Folder {
    @Child(':name', () => Folder)
    open(): Folder {
      return new Folder();
    }
  }
  t.is(await (await testSite(Folder).visitor().get('/a/b/page')).text(), 'page');
});

test('a class may be below itself where only one step of the way is a method', async t => {
  @Resource()
  @Child('home', () => Root)
  class Room {}
  @Resource()
  class Root extends Page {
    @Child('room', Room)
    room(): Room {
      return new Room();
    }
  }
  t.is(await (await testSite(Root).visitor().get('/room/home/room/home')).text(), 'page');
});

test('one class on two ways is no cycle', t => {
  @Resource()
  @Child('page', Page)
  class Left {}
  @Resource()
  @Child('page', Page)
  class Right {}
  @Resource()
  @Child('left', Left)
  @Child('right', Right)
  @Child('page', Page)
  class Root {}
  t.notThrows(() => createSite(Root));
});

test('what the container can not make is refused with the way through the tree', t => {
  const Missing = Symbol('Missing');
  @Resource()
  class Needy {
    constructor(@inject(Missing) readonly missing: unknown) {}
  }
  @Resource()
  @Child(':id', Needy)
  class Made {}
  @Resource()
  class Root {
    @Child('made', Made)
    open(): Made {
      return new Made();
    }
  }
  t.throws(() => createSite(Root), {
    code: 'DEPENDENCY_MISSING',
    message:
      'Root → "made" Made → ":id" Needy → Missing: nothing is bound to Missing. Bind it in a module or container given to createSite(). [DEPENDENCY_MISSING]',
  });
});

test('two sites can grow from one class', async t => {
  @Resource()
  @Child('page', Page)
  class Root {}
  const [one, two] = [testSite(Root), testSite(Root)];
  await one.site.close();
  t.is((await one.visitor().get('/page')).status, 503);
  t.is((await two.visitor().get('/page')).status, 200);
});

test('a root that is no class is refused', t => {
  t.throws(() => createSite(undefined as never), {
    code: 'RESOURCE_UNMARKED',
    message: 'The root is undefined. Give the class of a resource. [RESOURCE_UNMARKED]',
  });
});

test('a class that is not there yet when the site is built is refused with its segment', t => {
  @Resource()
  @Child('late', () => {
    throw new ReferenceError("Cannot access 'Late' before initialization");
  })
  class Early {}
  const error = t.throws(() => createSite(Early), {
    code: 'CHILD_UNDEFINED',
    message: /^The class of the child "late" of Early is undefined\./,
  });
  t.true(error.cause instanceof ReferenceError);
});

test('what stands for a child and is no class is refused', t => {
  t.throws(() => Child('x', 'Page' as never)(class Home {}), {
    code: 'CHILD_UNDEFINED',
    message: 'What stands for the child "x" of Home is a string. Give its class. [CHILD_UNDEFINED]',
  });
});
