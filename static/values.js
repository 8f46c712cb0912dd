// What pixels stand for (HU, or grey values of a picture): fetched in parts, only where someone looks.

const KEPT = 48;
const TYPES = { int16: Int16Array, float32: Float32Array, uint8: Uint8Array, uint16: Uint16Array };

export class Values {
  constructor({ address, rows, cols, values }) {
    Object.assign(this, { address, rows, cols, tile: values.tile, Type: TYPES[values.type] });
    this.parts = new Map(); // promises by address, the one used last at the end
  }

  // The value at a location {row, col, slice} in the file, in a slab or a single slice; null where there is none.
  async at({ row, col, slice }, slab) {
    if (!this.Type) return null;
    const [y, x] = [Math.round(row), Math.round(col)];
    const [top, left] = [y, x].map((place) => Math.floor(place / this.tile) * this.tile);
    const url = `${this.address}/slice/${slice}/values/${top}/${left}${slab ? `?slab=${slab}` : ""}`;
    try {
      const part = await this.part(url);
      return part[(y - top) * Math.min(this.tile, this.cols - left) + (x - left)] ?? null;
    } catch {
      this.parts.delete(url); // asked for again next time
      return null;
    }
  }

  part(url) {
    const part = this.parts.get(url) || this.load(url);
    this.parts.delete(url);
    this.parts.set(url, part);
    if (this.parts.size > KEPT) this.parts.delete(this.parts.keys().next().value);
    return part;
  }

  async load(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(answer.status);
    return new this.Type(await answer.arrayBuffer());
  }
}
