// Shows the values under the pointer. They are read from the paths and from the colours,
// so that the page holds them once.
(() => {
  const short = v => Math.abs(v) >= 1e5 || v && Math.abs(v) < 1e-3 ? v.toExponential(2) : String(+v.toPrecision(4));
  const place = v => v >= 1e9 ? v.toPrecision(4) : v >= 1000 ? Math.round(v) : +v.toPrecision(4);
  const part = (className, text) => { const e = document.createElement('div'); e.className = className; e.textContent = text || ''; return e; };

  function curves(plot, at) {
    const d = plot.dataset, out = [];
    let best = null;
    for (const path of plot.querySelectorAll('.line:not(.smooth)')) {
      const points = (path.getAttribute('d').match(/[\d.-]+ [\d.-]+/g) || []).map(p => p.split(' ').map(Number));
      if (!points.length) continue;
      const near = points.reduce((a, b) => Math.abs(b[0] - 1000 * at) < Math.abs(a[0] - 1000 * at) ? b : a);
      if (!best || Math.abs(near[0] - 1000 * at) < Math.abs(best - 1000 * at)) best = near[0];
      let y = +d.y1 - near[1] / 1000 * (d.y1 - d.y0);
      if (d.log) y = 10 ** y;
      out.push(part(path.getAttribute('class').match(/c\d/)[0], (path.dataset.name + ' ' + short(y)).trim()));
    }
    if (best === null) return null;
    return [best / 1000, [part('', d.axis + ' ' + place(+d.x0 + best / 1000 * (d.x1 - d.x0))), ...out]];
  }

  function heat(plot, at, down) {
    const d = plot.dataset, image = plot.querySelector('img'), rows = d.rows.split(','), columns = d.columns.split(',');
    const x = Math.min(columns.length - 1, Math.floor(at * columns.length)), y = Math.min(rows.length - 1, Math.floor(down * rows.length));
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const context = canvas.getContext('2d');
    context.drawImage(image, -x, -y);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    const shade = palette.indexOf('#' + [r, g, b].map(v => v.toString(16).padStart(2, '0')).join(''));
    const value = a && shade >= 0 ? short(+d.low + shade / (palette.length - 1) * (d.high - d.low)) : 'none';
    return [(x + .5) / columns.length, [part('', d.axis + ' ' + columns[x] + ', layer ' + rows[y]), part('', value)]];
  }

  function clear() { document.querySelectorAll('.tip, .rule').forEach(e => e.remove()); }

  document.addEventListener('pointermove', event => {
    clear();
    const plot = event.target.closest && event.target.closest('.plot');
    if (!plot) return;
    const box = plot.getBoundingClientRect(), at = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
    if (at < 0 || at > 1 || down < 0 || down > 1) return;
    const found = plot.classList.contains('heat') ? heat(plot, at, down) : curves(plot, at);
    if (!found) return;
    const rule = part('rule'), tip = part('tip');
    rule.style.left = 100 * found[0] + '%';
    tip.style[at < .5 ? 'left' : 'right'] = 'calc(' + 100 * (at < .5 ? found[0] : 1 - found[0]) + '% + 8px)';
    tip.append(...found[1]);
    plot.append(rule, tip);
  });
  document.addEventListener('pointerleave', clear);
})();
