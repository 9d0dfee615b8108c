import test from 'ava';
import {MemoryUsers} from '../../src/store/memory-users.ts';

const session = (user: string, lastSeenAt: number) => ({user, lastSeenAt});

test('the sessions of a user are there in the order of their sign-ins, and who signs in again comes last', t => {
  const users = new MemoryUsers<{user: string; lastSeenAt: number}>();
  const [first, second] = [session('ada', 1), session('ada', 2)];
  users.add('ada', first);
  users.add('ada', second);
  t.deepEqual([...users.of('ada')!], [first, second]);
  users.add('ada', first);
  t.deepEqual([...users.of('ada')!], [second, first]);
  users.delete('ada', first);
  users.delete('ada', second);
  t.is(users.of('ada'), undefined);
  users.delete('ada', first);
  t.is(users.of('nobody'), undefined);
});

test('of the user who has most it gives the session that was seen least lately, and none where nobody has two', t => {
  const users = new MemoryUsers<{user: string; lastSeenAt: number}>();
  users.add('ada', session('ada', 1));
  users.add('bob', session('bob', 2));
  t.is(users.ofWhomHasMost(), undefined);
  const eves = [session('eve', 9), session('eve', 5), session('eve', 7)];
  for (const one of eves) users.add('eve', one);
  users.add('bob', session('bob', 3));
  t.is(users.ofWhomHasMost(), eves[1]);
  users.delete('eve', eves[1]!);
  users.delete('eve', eves[2]!);
  t.is(users.ofWhomHasMost()?.user, 'bob');
});
