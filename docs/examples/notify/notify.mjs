// Tells Vitrine what may have changed: by HTTP with notify(), or with any NATS client by an empty message to subject().
//
//   NOTIFY_TOKEN=… node notify.mjs http://127.0.0.1:8085/notify sku price 100012 12049.1

export function subject(lane, kind, dimension, id) {
  let token = '';
  for (const byte of new TextEncoder().encode(id)) {
    const c = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(c) ? c : '=' + byte.toString(16).toUpperCase().padStart(2, '0');
  }
  return `change.${lane}.${kind}.${dimension}.${token}`;
}

export async function notify(url, secret, changes) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secret}` },
    body: JSON.stringify(changes),
  });
  if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`); // 503: send it again
}

const [url, kind, dimension, ...ids] = process.argv.slice(2);
if (url) {
  for (const id of ids) console.log(subject('normal', kind, dimension, id));
  await notify(url, process.env.NOTIFY_TOKEN, ids.map((id) => ({ kind, dimension, id })));
}
