import test from 'ava';
import type {EndReason, LoggedEnd, SessionRecord} from '../../../src/session/store/contract.ts';
import {ending} from '../../../src/testing/store-contract/ending.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that revives a session which is touched after its end is found at fault', async t => {
  class Reviving extends Handle {
    readonly #records = new Map<string, SessionRecord>();

    override touch(key: string) {
      return this.ask(memory => {
        const last = this.#records.get(key);
        const found = memory.touch(key) ?? (last && memory.create(last));
        if (found) this.#records.set(key, found);
        return found;
      });
    }
  }
  await findsFault(t, ending, 'no touch revives an ended session: logout wins', Reviving);
});

/** A handle that tells of ends in its own way. */
abstract class Telling extends Handle {
  abstract tellOf(ends: readonly LoggedEnd[]): readonly LoggedEnd[];

  override async endsSince(mark: string | undefined) {
    const {ends, ...rest} = await super.endsSince(mark);
    return {ends: this.tellOf(ends), ...rest};
  }
}

test('a store that tells of an end twice is found at fault', async t => {
  class Repeating extends Telling {
    override tellOf(ends: readonly LoggedEnd[]) {
      return ends.flatMap(end => [end, end]);
    }
  }
  await findsFault(t, ending, 'an end is told once to each who listens', Repeating);
});

test('a store that tells of what was asked for alone is found at fault', async t => {
  class Unswept extends Telling {
    override tellOf(ends: readonly LoggedEnd[]) {
      return ends.filter(({reason}) => reason !== 'idle');
    }
  }
  const title = 'a session that nobody asks for is told of as idle after its deadline, and not before it';
  await findsFault(t, ending, title, Unswept);
  await findsFault(t, ending, 'two thousand sessions that are due at once all end, each once', Unswept);
});

test('a store that takes every timeout for idleness is found at fault', async t => {
  class Blunt extends Telling {
    override tellOf(ends: readonly LoggedEnd[]) {
      return ends.map(({key, reason}) => ({key, reason: reason === 'absolute' ? 'idle' : reason}));
    }
  }
  const title = 'a session that comes to its absolute deadline is told of as ended by that, asked for or not';
  await findsFault(t, ending, title, Blunt);
});

test('a store that gives all ends at once, or goes on from where it was, is found at fault', async t => {
  class Gushing extends Handle {
    override async endsSince(mark: string | undefined) {
      const ends: LoggedEnd[] = [];
      for (;;) {
        const portion = await super.endsSince(mark);
        ends.push(...portion.ends);
        mark = portion.mark;
        if (!portion.hasMore) return {...portion, ends};
      }
    }
  }
  class Stuck extends Handle {
    override async endsSince(mark: string | undefined) {
      const portion = await super.endsSince(mark);
      return {...portion, mark: mark ?? portion.mark};
    }
  }
  const title = 'ends come in portions, which go on where the one before it ended, and say whether there may be more';
  for (const Kind of [Gushing, Stuck]) await findsFault(t, ending, title, Kind);
});

test('a store that forgets ends as soon as they were told is found at fault', async t => {
  class Forgetful extends Handle {
    readonly #told = new Set<string>();

    override async endsSince(mark: string | undefined) {
      const portion = await super.endsSince(mark);
      const ends = portion.ends.filter(({key}) => !this.#told.has(key));
      for (const {key} of ends) this.#told.add(key);
      return {...portion, ends};
    }
  }
  const title = 'from one mark the same ends follow, however often it is asked, and those that came since';
  await findsFault(t, ending, title, Forgetful);
});

test('a store that takes the mark of another for its own is found at fault', async t => {
  class Counting extends Handle {
    override async endsSince(mark: string | undefined) {
      const [name] = (await super.endsSince(undefined)).mark.split(' ');
      return super.endsSince(mark && `${name} ${mark.split(' ')[1]}`);
    }
  }
  const title = 'a mark of other data, as of a store that was emptied, is one of before all ends in the log';
  await findsFault(t, ending, title, Counting);
});

test('a store that sweeps when it is asked what has ended, or all at once, is found at fault', async t => {
  class Eager extends Handle {
    override async endsSince(mark: string | undefined) {
      while (await this.sweep());
      return super.endsSince(mark);
    }
  }
  class Thorough extends Handle {
    override async sweep() {
      while (await super.sweep());
      return false;
    }
  }
  const told =
    'a session past its deadline is gone for every caller, but nobody is told before it is swept or asked for';
  await findsFault(t, ending, told, Eager);
  await findsFault(t, ending, 'sweep() ends a portion of what is due, and says whether there may be more', Thorough);
});

test('a store by which everybody who ends a session has ended it is found at fault', async t => {
  class Flattering extends Handle {
    override async end(key: string, reason: EndReason) {
      await super.end(key, reason);
      return true;
    }
  }
  await findsFault(t, ending, 'end() of what is not there, or is past its deadline, ends nothing', Flattering);
});

test('a store that leaves a timer when it is closed is found at fault', async t => {
  class Lingering extends Handle {
    override close() {
      this.clock.after(1000, () => undefined);
      return super.close();
    }
  }
  await findsFault(
    t,
    ending,
    'a store that was asked all sorts of things leaves no timer when it is closed',
    Lingering,
  );
});
