/* SPDX-License-Identifier: GPL-2.0-only */
"use strict";
/*
 * What the report can do beyond being read: sort and filter tables, zoom the timeline and counters
 * with it, say what is under the pointer. All that it shows is already in the page; texts go in as text, never as markup.
 */
(function () {
	const SVG = "http://www.w3.org/2000/svg";
	const make = (name, text, cls) => {
		const e = document.createElement(name);
		if (text) e.textContent = text;
		if (cls) e.className = cls;
		return e;
	};
	const makeSvg = (name, attributes, text) => {
		const e = document.createElementNS(SVG, name);
		for (const k in attributes) e.setAttribute(k, attributes[k]);
		if (text !== undefined) e.textContent = text;
		return e;
	};

	/* ---- tables ---- */

	const isInteger = (s) => /^[-+]?\d+$/.test(s);
	/* Numbers before texts, empty cells last, whichever the direction. */
	const keyOf = (cell) => {
		const s = (cell.dataset.v !== undefined ? cell.dataset.v : cell.textContent).trim();
		if (s === "") return { rank: 2 };
		if (isInteger(s)) return { rank: 0, v: BigInt(s.replace("+", "")) };
		if (cell.dataset.v !== undefined || /^[-+]?[\d.]+(e[-+]?\d+)?$/.test(s)) {
			const v = parseFloat(s);
			if (!Number.isNaN(v)) return { rank: 0, v };
		}
		return { rank: 1, v: s.toLowerCase() };
	};
	const compare = (a, b, up) => {
		if (a.rank !== b.rank && (a.rank === 2 || b.rank === 2)) return a.rank - b.rank;
		const d = a.rank - b.rank || (a.v < b.v ? -1 : a.v > b.v ? 1 : 0);
		return up ? d : -d;
	};
	const sortBy = (table, column) => {
		const heads = table.tHead.rows[0].cells;
		const body = table.tBodies[0];
		const th = heads[column];
		const number = th.classList.contains("n");
		const now = th.getAttribute("aria-sort");
		/* Of numbers the greatest first: that is what one looks for. */
		const up = now ? now === "descending" : !number;
		for (const h of heads) h.removeAttribute("aria-sort");
		th.setAttribute("aria-sort", up ? "ascending" : "descending");
		const rows = Array.from(body.rows, (row, i) => ({ row, i, key: keyOf(row.cells[column]) }));
		rows.sort((a, b) => compare(a.key, b.key, up) || a.i - b.i);
		body.append(...rows.map((r) => r.row));
	};
	const addFilter = (box, table) => {
		const tools = make("div", "", "tools");
		const input = make("input");
		const count = make("span");
		const rows = Array.from(table.tBodies[0].rows);
		let texts = null;
		input.type = "search";
		input.name = "filter";
		input.placeholder = "filter: words, -word";
		input.setAttribute("aria-label", "Filter " + box.querySelector("h3").textContent);
		count.setAttribute("role", "status");
		const apply = () => {
			const words = input.value.toLowerCase().split(/\s+/).filter((w) => w && w !== "-");
			let shown = 0;
			texts = texts || rows.map((r) => r.textContent.toLowerCase());
			rows.forEach((row, i) => {
				const fits = words.every((w) => (w[0] === "-" ? !texts[i].includes(w.slice(1)) : texts[i].includes(w)));
				row.hidden = !fits;
				shown += fits;
			});
			count.textContent = words.length ? shown + " of " + rows.length + " rows" : rows.length + " rows";
		};
		input.addEventListener("input", apply);
		input.addEventListener("keydown", (e) => {
			if (e.key !== "Escape") return;
			input.value = "";
			apply();
			input.blur();
		});
		tools.append(input, count);
		count.textContent = rows.length + " rows";
		box.insertBefore(tools, box.querySelector(".scroll"));
	};
	for (const box of document.querySelectorAll(".tbl")) {
		const table = box.querySelector("table");
		if (!table || !table.tHead || table.tBodies[0].rows.length < 2) continue;
		Array.from(table.tHead.rows[0].cells).forEach((th, i) => {
			const button = make("button", th.textContent);
			button.type = "button";
			th.replaceChildren(button);
			button.addEventListener("click", () => sortBy(table, i));
		});
		if (table.tBodies[0].rows.length > 12) addFilter(box, table);
	}
	/* "/" goes to the filter that is in sight, or the next one below. */
	document.addEventListener("keydown", (e) => {
		if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input")) return;
		const inputs = Array.from(document.querySelectorAll(".tools input"));
		const next = inputs.find((i) => i.getBoundingClientRect().top > 40) || inputs[inputs.length - 1];
		if (!next) return;
		e.preventDefault();
		next.focus();
	});

	/* ---- timeline ---- */

	const STEPS = [
		1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
		7200, 21600, 43200, 86400,
	];
	const two = (n) => String(n).padStart(2, "0");
	const tickStep = (span) => STEPS.find((s) => span / s <= 11) || span / 10;
	const tidy = (s) => String(Number(s.toFixed(3)));
	const offset = (s) => {
		const sign = s < 0 ? "\u2212" : "+";
		const a = Math.abs(s);
		if (a < 5e-7) return "0";
		if (a < 120) return sign + tidy(a) + " s";
		const n = Math.floor(a + 5e-4);
		const rest = a - n > 1e-3 ? tidy(a - n).slice(1) : "";
		if (n < 3600) return sign + Math.floor(n / 60) + ":" + two(n % 60) + rest;
		return sign + Math.floor(n / 3600) + ":" + two(Math.floor(n / 60) % 60) + ":" + two(n % 60) + rest;
	};
	const clock = (s, digits) => new Date(s * 1000).toISOString().slice(11, digits ? 23 : 19);

	/*
	 * Pictures of the same time are one view of it: where one is zoomed, all are, and what is under
	 * the pointer is marked in all. "draw" is told of a picture what is in sight, in steps;
	 * "describe" says what is at a place.
	 */
	const views = new Map();
	const viewOf = (data) => {
		const key = [data.steps, data.width, data.zero.toFixed(3)].join(" ");
		if (!views.has(key)) views.set(key, { from: 0, to: data.steps, pictures: [] });
		return views.get(key);
	};

	const zooms = (figure, data, draw, describe) => {
		const view = viewOf(data);
		const picture = figure.querySelector(".picture");
		const plot = figure.querySelector(".plot");
		const axis = figure.querySelector(".axis");
		const wide = figure.querySelector(".wide");
		const left = plot.x.baseVal.value;
		const width = plot.width.baseVal.value;
		const height = plot.height.baseVal.value;
		const grid = axis.querySelector(".grid").getAttribute("d").match(/ (\d+)V(\d+)/);
		const top = Number(grid[1]);
		const bottom = Number(grid[2]);

		const drawAxis = () => {
			const a = view.from * data.width - data.zero;
			const span = (view.to - view.from) * data.width;
			const step = tickStep(span);
			const parts = [];
			for (let i = Math.ceil(a / step - 1e-9); i * step <= a + span * 1.000001; i++) {
				const x = left + ((i * step - a) / span) * width;
				parts.push(makeSvg("path", { class: "grid", d: "M" + x.toFixed(1) + " " + top + "V" + bottom }));
				if (x < left + 34 || x > left + width - 24) continue;
				parts.push(
					makeSvg("text", { x: x.toFixed(1), y: 15 }, offset(i * step)),
				);
				if (typeof data.utc === "number")
					parts.push(
						makeSvg(
							"text",
							{ x: x.toFixed(1), y: bottom + 14 },
							clock(data.utc + data.zero + i * step, step < 1),
						),
					);
			}
			axis.replaceChildren(...parts);
		};
		const status = make("span");
		const redraw = () => {
			const { from, to } = view;
			plot.setAttribute("viewBox", from + " 0 " + (to - from) + " " + height);
			drawAxis();
			draw(from, to);
			figure.dataset.from = from.toFixed(2);
			figure.dataset.to = to.toFixed(2);
			status.textContent =
				to - from === data.steps
					? "drag over the picture to look closer"
					: offset(from * data.width - data.zero) + " to " + offset(to * data.width - data.zero);
		};
		const show = (a, b) => {
			const span = Math.min(Math.max(b - a, Math.min(4, data.steps)), data.steps);
			const middle = (a + b) / 2;
			view.from = Math.min(Math.max(middle - span / 2, 0), data.steps - span);
			view.to = view.from + span;
			for (const p of view.pictures) p.redraw();
		};
		const zoom = (factor, at) => {
			const x = at === undefined ? (view.from + view.to) / 2 : at;
			show(x - (x - view.from) * factor, x + (view.to - x) * factor);
		};
		const pan = (share) => {
			const by = (view.to - view.from) * share;
			show(view.from + by, view.to + by);
		};
		const all = () => show(0, data.steps);

		const tools = make("div", "", "tools");
		const button = (text, label, fn) => {
			const b = make("button", text);
			b.type = "button";
			b.setAttribute("aria-label", label);
			b.title = label;
			b.addEventListener("click", fn);
			tools.append(b);
		};
		button("+", "closer", () => zoom(0.5));
		button("\u2212", "farther", () => zoom(2));
		button("\u2190", "earlier", () => pan(-0.25));
		button("\u2192", "later", () => pan(0.25));
		button("all", "all of it", all);
		const word = data.triggered ? "trigger" : "end";
		button(word, "to the " + word, () => {
			const x = data.zero / data.width;
			const half = Math.min(data.steps / 2, 5 / data.width);
			show(x - half, x + half);
		});
		tools.append(status);
		figure.insertBefore(tools, wide);

		picture.setAttribute("tabindex", "0");
		picture.addEventListener("keydown", (e) => {
			const acts = {
				ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => zoom(0.5), ArrowDown: () => zoom(2),
				"+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: all, Home: all,
			};
			if (!acts[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
			e.preventDefault();
			acts[e.key]();
		});

		const tip = make("div", "", "tip");
		const cursor = makeSvg("path", { class: "cursor" });
		const select = makeSvg("rect", { class: "select", y: top, height: bottom - top, width: 0 });
		tip.hidden = true;
		wide.append(tip);
		plot.append(select, cursor);
		const mark = (x) => cursor.setAttribute("d", x === null ? "" : "M" + x + " " + top + "V" + bottom);
		const stepAt = (e) => {
			const r = picture.getBoundingClientRect();
			const scale = r.width / picture.viewBox.baseVal.width;
			const share = ((e.clientX - r.left) / scale - left) / width;
			return share < 0 || share > 1 ? null : view.from + share * (view.to - view.from);
		};
		/* So many steps are a few pixels. */
		const reach = () => ((view.to - view.from) / width) * 5;
		let pressed = null;
		const hide = () => {
			tip.hidden = true;
			for (const p of view.pictures) p.mark(null);
		};
		const move = (e) => {
			const x = stepAt(e);
			if (x === null) return hide();
			for (const p of view.pictures) p.mark(x);
			if (pressed !== null) {
				select.setAttribute("x", Math.min(pressed, x));
				select.setAttribute("width", Math.abs(x - pressed));
			}
			const r = wide.getBoundingClientRect();
			const when = offset(x * data.width - data.zero);
			const utc = typeof data.utc === "number" ? "   " + clock(data.utc + x * data.width, true) + " UTC" : "";
			tip.textContent = [when + utc].concat(describe(x, reach())).join("\n");
			tip.hidden = false;
			const right = e.clientX - r.left > r.width / 2;
			tip.style.left = right ? "" : e.clientX - r.left + wide.scrollLeft + 14 + "px";
			tip.style.right = right ? r.right - e.clientX - wide.scrollLeft + 14 + "px" : "";
			tip.style.top = Math.max(4, Math.min(e.clientY - r.top + 12, r.height - tip.offsetHeight - 4)) + "px";
		};
		picture.addEventListener("pointermove", move);
		picture.addEventListener("pointerleave", () => pressed === null && hide());
		picture.addEventListener("pointerdown", (e) => {
			if (e.button !== 0 || e.pointerType === "touch") return;
			pressed = stepAt(e);
			if (pressed === null) return;
			picture.setPointerCapture(e.pointerId);
			e.preventDefault();
			picture.focus({ preventScroll: true });
		});
		const release = (e) => {
			const x = pressed === null ? null : stepAt(e);
			const start = pressed;
			pressed = null;
			select.setAttribute("width", 0);
			if (x !== null && Math.abs(x - start) > reach()) show(Math.min(start, x), Math.max(start, x));
		};
		picture.addEventListener("pointerup", release);
		picture.addEventListener("pointercancel", () => {
			pressed = null;
			select.setAttribute("width", 0);
		});
		picture.addEventListener("dblclick", all);
		picture.addEventListener(
			"wheel",
			(e) => {
				const x = stepAt(e);
				if (x === null || !(e.ctrlKey || e.shiftKey || e.metaKey)) return;
				e.preventDefault();
				zoom((e.deltaY || e.deltaX) > 0 ? 1.25 : 0.8, x);
			},
			{ passive: false },
		);
		view.pictures.push({ redraw, mark });
		redraw();
		return redraw;
	};

	const timeline = (figure) => {
		const data = JSON.parse(figure.querySelector("script").textContent);
		const plot = figure.querySelector(".plot");
		/* Lanes are as high as the most that is in sight. */
		const put = (cls, values, most, y, h) => {
			const path = plot.querySelector("." + cls);
			if (!path || !values.length) return;
			const d = ["M" + values[0][0] + " " + (y + h)];
			for (const v of values) {
				const top = v[2] > 0 ? Math.min(y + h - (v[2] / most) * h, y + h - 1) : y + h;
				d.push("V" + Math.max(top, y).toFixed(1) + "H" + v[1]);
			}
			path.setAttribute("d", d.join("") + "V" + (y + h) + "Z");
		};
		const label = (lane, most) => {
			const text = figure.querySelector("[data-lane=" + lane + "]");
			if (text && most > 0) text.textContent = "to " + (most >= 10 ? most.toFixed(0) : most.toFixed(1)) + "/s";
		};
		const stack = data.lanes.slice(0, data.stack);
		const sums = [];
		stack.forEach((lane, k) => {
			const layer = Math.min(k, data.colours - 1);
			sums[layer] = lane.n.map((n, i) => n / data.width + ((sums[layer] || sums[layer - 1] || [])[i] || 0));
		});
		const drawLanes = (from, to) => {
			const seen = (v) => v[0] < to && v[1] > from;
			const high = (list) => list.filter(seen).reduce((m, v) => Math.max(m, v[2]), 0);
			const events = data.events.map((v) => [Math.max(v[0], 0), Math.min(v[1], data.steps), v[2]]);
			const layers = sums.map((s) => s.map((v, i) => [i, i + 1, v]));
			const most = layers.length ? high(layers[layers.length - 1]) : 0;
			put("events", events, high(events), data.boxes[0], data.boxes[1]);
			layers.forEach((l, k) => put("c" + k, l, most, data.boxes[2], data.boxes[3]));
			label("events", high(events));
			label("messages", most);
		};
		const near = (list, x, reach) =>
			list.filter((f) => Math.abs(f[0] - x) <= reach).sort((a, b) => Math.abs(a[0] - x) - Math.abs(b[0] - x));
		const round = (n) => (n >= 10 ? Math.round(n) : Number(n.toFixed(1)));
		const describe = (x, reach) => {
			const i = Math.min(Math.floor(x), data.steps - 1);
			const lines = [];
			const events = data.events.find((v) => v[0] <= x && x < v[1]);
			if (events) lines.push("trace events: " + round(events[2]) + "/s");
			for (const lane of data.lanes)
				if (lane.n[i]) lines.push(lane.name + ": " + lane.n[i] + " (" + round(lane.n[i] / data.width) + "/s)");
			for (const m of near(data.marks, x, reach).slice(0, 2)) lines.push("\u25c6 " + m[1] + ": " + m[2]);
			for (const f of near(data.flags, x, reach).slice(0, 4)) lines.push("\u25aa " + f[2]);
			return lines;
		};
		zooms(figure, data, drawLanes, describe);
	};
	for (const figure of document.querySelectorAll(".timeline")) timeline(figure);

	/* ---- series ---- */

	/* "1,,2.5*3": of each step a value, or null. */
	const valuesOf = (s) =>
		s.split(",").flatMap((part) => {
			const [value, n] = part.split("*");
			return new Array(Number(n || 1)).fill(value === "" ? null : Number(value));
		});
	/* As html_series.c has it: zero belongs to the picture unless a gauge is far from it. */
	const scaleOf = (values, gauge) => {
		const known = values.filter((v) => v !== null);
		const most = known.reduce((m, v) => Math.max(m, v), -Infinity);
		const least = known.reduce((m, v) => Math.min(m, v), Infinity);
		if (!known.length) return null;
		if (least < most) return [least > 0 && (!gauge || least < most * 0.8) ? 0 : least, most];
		return most < 0 ? [2 * most, 0] : [0, most > 0 ? 2 * most : 1];
	};
	const DIGITS = [4, 12];
	const short = (n, digits) => {
		const whole = String(Math.floor(Math.abs(n))).length;
		if (Math.abs(n) >= 1e12) return Number(n.toPrecision(digits)).toExponential();
		return String(Number(n.toPrecision(Math.max(digits, whole))));
	};
	/* With as many digits as tell the two from each other. */
	const labelsOf = (scale) => {
		let digits = DIGITS[0];
		while (digits < DIGITS[1] && short(scale[0], digits) === short(scale[1], digits)) digits++;
		return scale.map((n) => short(n, digits));
	};

	const series = (figure) => {
		const data = JSON.parse(figure.querySelector("script").textContent);
		const plot = figure.querySelector(".plot");
		const curve = plot.querySelector(".curve");
		const nameOf = (row) => row.slice(0, 3).filter((s) => s).join(" ");
		let row = data.list[0];
		let values = valuesOf(row[4]);
		let redraw = null;

		/* As high as what is in sight. */
		const draw = (from, to) => {
			const scale = scaleOf(values.slice(Math.floor(from), Math.ceil(to)), row[3] === "value");
			const [least, most] = scale || [0, 1];
			const labels = scale ? labelsOf(scale) : ["", ""];
			let pen = false;
			const d = values.map((v, i) => {
				const start = v === null ? "" : (pen ? "L" : "M") + i + " ";
				const y = data.top + data.height - ((v - least) / (most - least)) * data.height;
				pen = v !== null;
				return v === null ? "" : start + y.toFixed(1) + "H" + (i + 1);
			});
			curve.setAttribute("d", d.join(""));
			[".low", ".top"].forEach((place, i) => (figure.querySelector(place).textContent = labels[i]));
			figure.querySelector(".which").textContent = nameOf(row) + ", " + row[3];
			figure.dataset.counter = nameOf(row);
		};
		const describe = (x) => {
			const v = values[Math.min(Math.floor(x), data.steps - 1)];
			const text = typeof v === "number" ? short(v, 6) + (row[3] === "a second" ? "/s" : "") : "not known";
			return [nameOf(row) + ": " + text];
		};
		const tools = make("div", "", "tools");
		const input = make("input");
		const choice = make("select");
		input.type = "search";
		input.name = "counter";
		input.placeholder = "find a counter";
		input.setAttribute("aria-label", "Find a counter");
		choice.name = "choice";
		choice.setAttribute("aria-label", "Counter");
		const fill = () => {
			const words = input.value.toLowerCase().split(/\s+/).filter((w) => w);
			const groups = new Map();
			choice.replaceChildren();
			data.list.forEach((r, i) => {
				const name = nameOf(r).toLowerCase();
				if (!words.every((w) => name.includes(w))) return;
				if (!groups.has(r[0])) {
					const group = make("optgroup");
					group.label = r[0];
					groups.set(r[0], group);
					choice.append(group);
				}
				const option = make("option", r.slice(1, 3).filter((s) => s).join(" "));
				option.value = i;
				option.selected = r === row;
				groups.get(r[0]).append(option);
			});
		};
		const take = () => {
			if (choice.value === "") return;
			row = data.list[Number(choice.value)];
			values = valuesOf(row[4]);
			redraw();
		};
		choice.addEventListener("change", take);
		input.addEventListener("input", () => {
			fill();
			take();
		});
		tools.append(choice, input);
		figure.insertBefore(tools, figure.querySelector(".wide"));
		fill();
		redraw = zooms(figure, data, draw, describe);
	};
	for (const figure of document.querySelectorAll("figure.series")) series(figure);
})();
