// Fetches slices as pictures: the last one asked for first, its neighbours when there is time.

const AT_ONCE = 3;
const KEPT = 96;
const AHEAD = 8;
const BEHIND = 3;

// The address of a picture in a window (none for pictures without HU), as a single slice or a slab.
export function pictureUrl(path, { level, width, slab }) {
  const fields = { ...(width === null ? {} : { level, width }), ...(slab ? { slab } : {}) };
  const query = new URLSearchParams(fields).toString();
  return query ? `${path}?${query}` : path;
}

export class Slices {
  // `onload(slice, picture)` is called for every slice that comes while it or another is being waited for.
  constructor(address, count, onload, onerror) {
    Object.assign(this, { address, count, onload, onerror });
    this.pictures = new Map(); // by address, the one used last at the end
    this.loading = new Set();
    this.wanted = null;
    this.direction = 1;
  }

  want(slice, level, width, slab) {
    if (this.wanted && slice !== this.wanted.slice) this.direction = Math.sign(slice - this.wanted.slice);
    this.wanted = { slice, level, width, slab };
    const ready = this.get(this.url(slice));
    if (ready) this.onload(slice, ready);
    this.pump();
  }

  url(slice) {
    return pictureUrl(`${this.address}/slice/${slice}.png`, this.wanted);
  }

  get(url) {
    const picture = this.pictures.get(url);
    if (!picture) return null;
    this.pictures.delete(url);
    this.pictures.set(url, picture);
    return picture;
  }

  // The slices worth having, the most urgent first.
  *urgent() {
    const { slice } = this.wanted;
    yield slice;
    for (let step = 1; step <= AHEAD; step += 1) {
      yield slice + step * this.direction;
      if (step <= BEHIND) yield slice - step * this.direction;
    }
  }

  pump() {
    for (const slice of this.urgent()) {
      if (this.loading.size >= AT_ONCE) return;
      if (slice < 0 || slice >= this.count) continue;
      const url = this.url(slice);
      if (!this.pictures.has(url) && !this.loading.has(url)) this.load(slice, url);
    }
  }

  async load(slice, url) {
    const picture = new Image();
    this.loading.add(url);
    try {
      picture.src = url;
      await picture.decode();
      this.pictures.set(url, picture);
      if (this.pictures.size > KEPT) this.pictures.delete(this.pictures.keys().next().value);
      if (this.url(slice) === url) this.onload(slice, picture);
    } catch {
      if (this.url(this.wanted.slice) === url) this.onerror();
      return; // no further requests until something else is asked for
    } finally {
      this.loading.delete(url);
    }
    this.pump();
  }
}
