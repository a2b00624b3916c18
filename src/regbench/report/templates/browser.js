
// The browser of images. Pictures are cut out of a few sheets, which are decoded as they are needed.
{
  const source = document.getElementById("browser-data");
  if (source) {
    const data = JSON.parse(source.textContent);
    const [wide, high] = data.cell;
    const pixelated = Math.max(wide, high) <= 64;
    const batch = 48;
    const element = (id) => document.getElementById(`browse-${id}`);
    const [first, second, ofClass, show, order] = ["first", "second", "class", "show", "order"].map(element);
    const images = data.files.map((_, image) => image);
    const made = (tag, text = "", style = "") => {
      const node = document.createElement(tag);
      node.textContent = text;
      if (style) node.className = style;
      return node;
    };
    const offer = (select, texts, chosen = 0) => {
      texts.forEach((text, value) => select.append(new Option(text, value, value === chosen, value === chosen)));
    };

    // A sheet is decoded when the first of its pictures is near the screen.
    const decoded = new Map();
    const sheet = (number) => {
      if (!decoded.has(number)) {
        const picture = new Image();
        picture.src = data.sheets[number];
        decoded.set(number, picture.decode().then(() => picture));
      }
      return decoded.get(number);
    };
    const canvasOf = (image, wanted = `Image of class ${data.classes[data.labels[image]]}`) => {
      const canvas = made("canvas");
      [canvas.width, canvas.height] = [wide, high];
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", wanted);
      if (pixelated) canvas.classList.add("pixelated");
      return canvas;
    };
    const draw = async (canvas, image) => {
      const at = image % data.perSheet;
      const picture = await sheet(Math.floor(image / data.perSheet));
      const [x, y] = [(at % data.columns) * wide, Math.floor(at / data.columns) * high];
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = !pixelated;
      context.drawImage(picture, x, y, wide, high, 0, 0, canvas.width, canvas.height);
      context.imageSmoothingEnabled = true;
      canvas.dataset.drawn = "yes";
    };
    const nearScreen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries.filter((each) => each.isIntersecting)) {
          nearScreen.unobserve(entry.target);
          draw(entry.target, Number(entry.target.dataset.image));
        }
      },
      { rootMargin: "300px" },
    );

    const judges = (technique, image) => technique.trainings[image] > 0;
    const isRight = (technique, image) => judges(technique, image) && 2 * technique.right[image] > technique.trainings[image];
    const isWrong = (technique, image) => judges(technique, image) && !isRight(technique, image);
    const answer = (technique, image) => {
      if (!judges(technique, image)) return "not judged";
      const said = data.classes[technique.answer[image]] ?? "?";
      return `${said} (${technique.count[image]} of ${technique.trainings[image]})`;
    };
    const pair = () => [data.techniques[first.value], data.techniques[second.value]];
    const filters = [
      ["all", () => true],
      ["first wrong", (image, [one]) => isWrong(one, image)],
      ["second wrong", (image, [, other]) => isWrong(other, image)],
      ["first wrong, second right", (image, [one, other]) => isWrong(one, image) && isRight(other, image)],
      ["first right, second wrong", (image, [one, other]) => isRight(one, image) && isWrong(other, image)],
      ["both wrong", (image, [one, other]) => isWrong(one, image) && isWrong(other, image)],
      ["both right", (image, [one, other]) => isRight(one, image) && isRight(other, image)],
      ["answers differ", (image, [one, other]) => one.answer[image] !== other.answer[image]],
    ];
    const mistake = (technique, image) => (isWrong(technique, image) ? technique.confidence[image] : -1);
    const orders = [
      ["as chosen", () => 0],
      ["most confident, first", (image, [one]) => -one.confidence[image]],
      ["least confident, first", (image, [one]) => one.confidence[image]],
      ["most confident, second", (image, [, other]) => -other.confidence[image]],
      ["least confident, second", (image, [, other]) => other.confidence[image]],
      ["most confident mistakes, first", (image, [one]) => -mistake(one, image)],
      ["most confident mistakes, second", (image, [, other]) => -mistake(other, image)],
    ];

    // Grad-CAM: where the network of one seed found its answer, over the image in red.
    const placeOfMap = new Map((data.heat?.images ?? []).map((image, place) => [image, place]));
    if (data.heat) filters.push(["with Grad-CAM", (image) => placeOfMap.has(image)]);
    const mapOf = (image, number) => {
      const [place, maps] = [placeOfMap.get(image), data.heat?.techniques[number]];
      if (place === undefined || !maps) return null;
      const answered = data.classes[maps.answers[place]];
      const said = `Grad-CAM of ${data.techniques[number].name}, seed ${maps.seed}: ${answered}`;
      const size = maps.width * maps.height;
      const bytes = atob(maps.maps).slice(place * size, (place + 1) * size);
      const small = new OffscreenCanvas(maps.width, maps.height);
      const pixels = new ImageData(maps.width, maps.height);
      for (let at = 0; at < size; at++) pixels.data.set([255, 40, 0, 0.7 * bytes.charCodeAt(at)], 4 * at);
      small.getContext("2d").putImageData(pixels, 0, 0);
      const canvas = canvasOf(image, said);
      const larger = Math.max(1, Math.ceil(192 / Math.max(wide, high)));
      [canvas.width, canvas.height] = [larger * wide, larger * high];
      draw(canvas, image).then(() => {
        canvas.getContext("2d").drawImage(small, 0, 0, canvas.width, canvas.height);
        canvas.dataset.heat = "yes";
      });
      const figure = made("figure");
      figure.append(canvas, made("figcaption", said));
      return figure;
    };

    const open = (image) => {
      const dialog = element("one");
      element("title").textContent = `Class ${data.classes[data.labels[image]]}`;
      element("file").textContent = data.files[image];
      const plain = made("figure");
      const canvas = canvasOf(image);
      draw(canvas, image);
      plain.append(canvas, made("figcaption", "the image"));
      const numbers = [...new Set([Number(first.value), Number(second.value)])];
      const maps = numbers.map((number) => mapOf(image, number)).filter(Boolean);
      element("pictures").replaceChildren(plain, ...maps);
      const table = made("table");
      table.append(made("caption", "Every technique's answer", "unseen"));
      const head = table.createTHead().insertRow();
      for (const title of ["technique", "says", "right", "confidence"]) {
        const cell = made("th", title);
        cell.scope = "col";
        head.append(cell);
      }
      const body = table.createTBody();
      for (const technique of data.techniques) {
        const row = body.insertRow();
        const name = made("th", technique.name);
        name.scope = "row";
        row.append(name);
        const judged = judges(technique, image);
        row.append(made("td", answer(technique, image)));
        row.append(made("td", judged ? `${technique.right[image]} of ${technique.trainings[image]}` : "–"));
        row.append(made("td", judged ? `${technique.confidence[image]} %` : "–"));
      }
      element("answers").replaceChildren(table);
      dialog.showModal();
    };

    const item = (image, both) => {
      const node = made("li");
      const figure = made("figure");
      const button = made("button");
      button.type = "button";
      button.append(canvasOf(image));
      button.setAttribute("aria-label", `Image of class ${data.classes[data.labels[image]]}: every technique's answer`);
      button.addEventListener("click", () => open(image));
      const caption = made("figcaption");
      caption.append(made("strong", data.classes[data.labels[image]]));
      for (const technique of both) {
        const right = isRight(technique, image);
        const line = made("span", "", right ? "is-right" : "is-wrong");
        const mark = made("span", right ? "✓ " : judges(technique, image) ? "✗ " : "");
        mark.setAttribute("aria-hidden", "true");
        line.append(mark, made("span", `${technique.name}, ${right ? "right" : "wrong"}: `, "unseen"));
        line.append(`${answer(technique, image)}, ${technique.confidence[image]} %`);
        caption.append(line);
      }
      figure.append(button, caption);
      node.append(figure);
      const canvas = button.firstChild;
      canvas.dataset.image = image;
      nearScreen.observe(canvas);
      return node;
    };

    let found = [];
    let drawn = 0;
    const more = () => {
      const both = pair();
      element("images").append(...found.slice(drawn, drawn + batch).map((image) => item(image, both)));
      drawn = Math.min(found.length, drawn + batch);
      element("more").hidden = drawn >= found.length;
    };
    const update = () => {
      const both = pair();
      const [keep, key] = [filters[show.value][1], orders[order.value][1]];
      found = images.filter((image) => (ofClass.value < 0 || data.labels[image] === Number(ofClass.value)) && keep(image, both));
      found.sort((one, other) => key(one, both) - key(other, both));
      nearScreen.disconnect();
      element("images").replaceChildren();
      drawn = 0;
      more();
      element("count").textContent = `${found.length} of ${images.length} images. First answer: ${both[0].name}; second: ${both[1].name}.`;
    };

    const names = data.techniques.map((technique) => technique.name);
    offer(first, names, data.pair[0]);
    offer(second, names, data.pair[1]);
    offer(ofClass, data.classes, -1);
    offer(show, filters.map(([text]) => text));
    offer(order, orders.map(([text]) => text));
    for (const select of [first, second, ofClass, show, order]) select.addEventListener("change", update);
    element("more").addEventListener("click", () => {
      const next = drawn;
      more();
      element("images").children[next]?.querySelector("button").focus();
    });
    update();
    document.getElementById("image-browser").hidden = false;
    document.getElementById("browse-without").hidden = true;
  }
}
