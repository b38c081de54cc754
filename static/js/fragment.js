// Secrets come behind the # of an address, which no browser sends. They are kept for this tab only, so that they
// outlast signing in, and taken out of the address, so that they stay out of bookmarks and screenshots.
export function secretOf(name) {
  const given = new URLSearchParams(location.hash.slice(1)).get(name);
  if (given) {
    keep(name, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given || kept(name);
}

export function forget(name) {
  try {
    sessionStorage.removeItem(name);
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}

function keep(name, value) {
  try {
    sessionStorage.setItem(name, value);
  } catch {
    // Then it lasts for this page, and signing in asks for it again.
  }
}

function kept(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}
