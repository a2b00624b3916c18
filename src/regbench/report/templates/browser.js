
// The browser of images. Pictures are cut out of a few sheets, which are decoded as they are needed.
{
  const source = document.getElementById("browser-data");
  if (source) {
    const data = JSON.parse(source.textContent);
    const [wide, high] = data.cell;
    const pixelated = Math.max(wide, high) <= 64;
    const batch = 48;
    const element = (id) => document.getElementById(`browse-${id}`);
    const [left, right, ofClass, show, order] = ["left", "right", "class", "show", "order"].map(element);
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
      canvas.getContext("2d").drawImage(picture, x, y, wide, high, 0, 0, wide, high);
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
    const pair = () => [data.techniques[left.value], data.techniques[right.value]];
    const filters = [
      ["all", () => true],
      ["left wrong", (image, [one]) => isWrong(one, image)],
      ["right wrong", (image, [, other]) => isWrong(other, image)],
      ["left wrong, right right", (image, [one, other]) => isWrong(one, image) && isRight(other, image)],
      ["left right, right wrong", (image, [one, other]) => isRight(one, image) && isWrong(other, image)],
      ["both wrong", (image, [one, other]) => isWrong(one, image) && isWrong(other, image)],
      ["both right", (image, [one, other]) => isRight(one, image) && isRight(other, image)],
      ["answers differ", (image, [one, other]) => one.answer[image] !== other.answer[image]],
    ];
    const mistake = (technique, image) => (isWrong(technique, image) ? technique.confidence[image] : -1);
    const orders = [
      ["as chosen", () => 0],
      ["most confident, left", (image, [one]) => -one.confidence[image]],
      ["least confident, left", (image, [one]) => one.confidence[image]],
      ["most confident, right", (image, [, other]) => -other.confidence[image]],
      ["least confident, right", (image, [, other]) => other.confidence[image]],
      ["most confident mistakes, left", (image, [one]) => -mistake(one, image)],
      ["most confident mistakes, right", (image, [, other]) => -mistake(other, image)],
    ];

    const open = (image) => {
      const dialog = element("one");
      element("title").textContent = `Class ${data.classes[data.labels[image]]}`;
      element("file").textContent = data.files[image];
      const canvas = canvasOf(image);
      draw(canvas, image);
      element("pictures").replaceChildren(canvas);
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
      element("count").textContent = `${found.length} of ${images.length} images. Upper answer: ${both[0].name}; lower: ${both[1].name}.`;
    };

    const names = data.techniques.map((technique) => technique.name);
    offer(left, names, data.pair[0]);
    offer(right, names, data.pair[1]);
    offer(ofClass, data.classes, -1);
    offer(show, filters.map(([text]) => text));
    offer(order, orders.map(([text]) => text));
    for (const select of [left, right, ofClass, show, order]) select.addEventListener("change", update);
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
