// Buttons with data-passkey="sign-in" or "register" are shown where the browser knows passkeys.

async function post(path, body) {
  const answer = await fetch(`/passkeys/${path}`, {
    method: 'POST',
    headers: {'content-type': 'application/json', accept: 'application/json'},
    body: JSON.stringify(body ?? {}),
  });
  if (!answer.ok) throw new Error((await answer.json()).detail ?? 'That did not work.');
  return answer.status === 204 ? undefined : answer.json();
}

const ways = {
  async register() {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await post('register'));
    const credential = await navigator.credentials.create({publicKey});
    await post('register-answer', credential.toJSON());
    location.reload();
  },

  async 'sign-in'() {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await post('sign-in'));
    const credential = await navigator.credentials.get({publicKey});
    await post('sign-in-answer', credential.toJSON());
    location.assign('/account');
  },
};

const isKnown = typeof PublicKeyCredential !== 'undefined' && 'parseCreationOptionsFromJSON' in PublicKeyCredential;

for (const button of document.querySelectorAll('[data-passkey]')) {
  button.hidden = !isKnown;
  button.addEventListener('click', () => {
    ways[button.dataset.passkey]().catch(error => {
      const place = document.querySelector('[data-passkey-error]');
      place.hidden = false;
      place.textContent = error.message;
    });
  });
}
