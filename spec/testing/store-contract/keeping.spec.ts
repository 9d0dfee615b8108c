import test from 'ava';
import type {EndedSession, EndOutcome} from '../../../src/session/store/contract.ts';
import {keeping} from '../../../src/testing/store-contract/keeping.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that keeps ends unasked is found at fault', async t => {
  class Hoarding extends Handle {
    override async create(...[session]: Parameters<Handle['create']>) {
      await this.keepEnds();
      return super.create(session);
    }
  }
  await findsFault(t, keeping, 'no end is kept before somebody asks for it', Hoarding);
  await findsFault(t, keeping, 'that ends are to be kept is remembered for a week, and then forgotten', Hoarding);
});

test('a store that hands an end out to everyone is found at fault', async t => {
  class Leaseless extends Handle {
    override takeEnds(count: number) {
      return super.takeEnds(count, 0);
    }
  }
  const title = 'an end that was handed out is not handed out again before its lease is over, and then it is';
  await findsFault(t, keeping, title, Leaseless);
});

test('a store that never hands an end out again is found at fault: whoever took it may have died', async t => {
  class Once extends Handle {
    override takeEnds(count: number) {
      return super.takeEnds(count, Infinity);
    }
  }
  const title = 'an end that was handed out is not handed out again before its lease is over, and then it is';
  await findsFault(t, keeping, title, Once);
});

test('a store that hands out again what was told is found at fault', async t => {
  class Repeating extends Handle {
    override settleEnd(key: string, outcome: EndOutcome) {
      return super.settleEnd(key, outcome === 'told' ? {retryIn: 5000} : outcome);
    }
  }
  await findsFault(t, keeping, 'an end that has been told is never handed out again', Repeating);
});

test('a store that loses what was set aside is found at fault', async t => {
  class Losing extends Handle {
    override settleEnd(key: string, outcome: EndOutcome) {
      return super.settleEnd(key, outcome === 'parked' ? 'told' : outcome);
    }
  }
  const title = 'an end that is set aside is not handed out, until those set aside are released';
  await findsFault(t, keeping, title, Losing);
});

test('a store that keeps of a session no more than its key is found at fault', async t => {
  class Bare extends Handle {
    override async takeEnds(count: number, lease: number) {
      return (await super.takeEnds(count, lease)).map(end => ({...end, session: undefined}));
    }
  }
  await findsFault(t, keeping, 'an end that is kept is handed out with the whole session as it was', Bare);
});

test('a store that gives two who take at once the same is found at fault', async t => {
  let taking: Promise<readonly EndedSession[]> | undefined;
  class Alike extends Handle {
    override takeEnds(count: number, lease: number) {
      taking ??= Promise.resolve(super.takeEnds(count, lease)).finally(() => (taking = undefined));
      return taking;
    }
  }
  await findsFault(t, keeping, 'of many who take at once no two get the same end, and none stays behind', Alike);
});
