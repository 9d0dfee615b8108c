import test from 'ava';
import {html, Html} from '../../src/http/html.ts';

test('every interpolated value is escaped', t => {
  const evil = `<script>alert("a" & 'b')</script>`;
  t.is(html`<p>${evil}</p>`.toString(), '<p>&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;</p>');
});

test('a value can’t leave a quoted attribute', t => {
  t.is(html`<a title="${'" onclick="x'}">`.toString(), '<a title="&quot; onclick=&quot;x">');
  t.is(html`<a title='${"' onclick='x"}'>`.toString(), "<a title='&#39; onclick=&#39;x'>");
});

test('what is escaped already is escaped again', t => {
  t.is(html`${'&amp;'}`.toString(), '&amp;amp;');
});

test('html goes into html as it is', t => {
  t.is(html`<ul>${html`<li>${'<'}</li>`}</ul>`.toString(), '<ul><li>&lt;</li></ul>');
});

test('an array goes in piece by piece, each escaped, however deep', t => {
  t.is(html`${['<', html`<b>`, ['>', [1n]], undefined]}`.toString(), '&lt;<b>&gt;1');
});

test('undefined, null and false are nothing; zero, the empty string and true are what they are', t => {
  t.is(html`a${undefined}b${null}c${false}d`.toString(), 'abcd');
  t.is(html`${0}|${''}|${true}|${-1.5}`.toString(), '0||true|-1.5');
});

test('what only looks like html is escaped', t => {
  const lookAlike = {toString: () => '<b>', text: '<b>'} as unknown as string;
  t.is(html`${lookAlike}`.toString(), '&lt;b&gt;');
});

test('the text of the template stays as it is written', t => {
  const page = html`<p class="a">&copy; 'x'</p>`;
  t.true(page instanceof Html);
  t.is(page.toString(), `<p class="a">&copy; 'x'</p>`);
});

test('only values that can stand in a page are taken by the compiler', t => {
  // @ts-expect-error An object has no text of its own.
  t.is(html`${{}}`.toString(), '[object Object]');
  // @ts-expect-error Nor has a symbol, and where it gets through it is refused or told by its name.
  t.notThrows(() => html`${Symbol('<')}`);
});
