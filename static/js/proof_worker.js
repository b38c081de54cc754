// Finds the number behind a challenge, away from the page: {salt, challenge, maxnumber} in, the number (or null) out.
// SHA-256 (FIPS 180-4) is written out here, because crypto.subtle is missing on plain HTTP and answers by promise, which
// takes longer than the hash of so short a text. A plain script, since older browsers know no module workers.
"use strict";

const CONSTANTS = new Int32Array(64);
const START = new Int32Array(8);

// The first 32 bits of the fractions of cube roots and square roots of the first primes.
(function fillConstants() {
  const bits = (root) => ((root - Math.floor(root)) * 4294967296) | 0;
  let count = 0;
  for (let candidate = 2; count < 64; candidate += 1) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) {
      if (candidate % divisor === 0) isPrime = false;
    }
    if (!isPrime) continue;
    if (count < 8) START[count] = bits(Math.sqrt(candidate));
    CONSTANTS[count] = bits(Math.cbrt(candidate));
    count += 1;
  }
})();

const schedule = new Int32Array(64);

// Works one block of 64 bytes into `state`.
function compress(state, bytes, start) {
  for (let i = 0; i < 16; i += 1) {
    const at = start + 4 * i;
    schedule[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let i = 16; i < 64; i += 1) {
    const x = schedule[i - 15];
    const y = schedule[i - 2];
    const small0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const small1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    schedule[i] = (schedule[i - 16] + small0 + schedule[i - 7] + small1) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let i = 0; i < 64; i += 1) {
    const big1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const first = (h + big1 + ((e & f) ^ (~e & g)) + CONSTANTS[i] + schedule[i]) | 0;
    const big0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

// Writes `text` (ASCII) at `start`; returns where it ends.
function write(bytes, text, start) {
  for (let i = 0; i < text.length; i += 1) bytes[start + i] = text.charCodeAt(i);
  return start + text.length;
}

function solve({ salt, challenge, maxnumber }) {
  const wanted = new Int32Array(8);
  for (let i = 0; i < 8; i += 1) wanted[i] = parseInt(challenge.slice(8 * i, 8 * i + 8), 16) | 0;
  // Whole blocks of the salt are the same for every number.
  const prefix = new Int32Array(START);
  const saltBytes = new Uint8Array(salt.length);
  write(saltBytes, salt, 0);
  const whole = salt.length - (salt.length % 64);
  for (let start = 0; start < whole; start += 64) compress(prefix, saltBytes, start);

  const state = new Int32Array(8);
  const bytes = new Uint8Array(128);
  const kept = write(bytes, salt.slice(whole), 0);
  for (let number = 0; number <= maxnumber; number += 1) {
    bytes.fill(0, kept);
    const end = write(bytes, String(number), kept);
    bytes[end] = 0x80;
    // The length in bits stands in the last eight bytes; a salt has far fewer than 2**32.
    const size = end + 9 <= 64 ? 64 : 128;
    const length = 8 * (whole + end);
    for (let i = 0; i < 4; i += 1) bytes[size - 1 - i] = (length >>> (8 * i)) & 255;
    state.set(prefix);
    for (let start = 0; start < size; start += 64) compress(state, bytes, start);
    if (state[0] === wanted[0] && state.every((word, i) => word === wanted[i])) return number;
  }
  return null;
}

self.addEventListener("message", (event) => self.postMessage(solve(event.data)));
