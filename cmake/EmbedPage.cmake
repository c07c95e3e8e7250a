# cmake -DOUTPUT=page_text.cpp -DHTML=page.html -DSTYLE=page.css -DSCRIPTS=a.js;b.js -P EmbedPage.cmake: the page's parts as C++
# string literals. The scripts are one module, in this order. A literal has a limit of length, so a file becomes several.
cmake_minimum_required(VERSION 3.25)

set(delimiter "part")
set(longest 12000)

function(append_text variable name)
  set(literals "")
  foreach(file IN LISTS ARGN)
    file(READ "${file}" text)
    string(LENGTH "${text}" length)
    set(begin 0)
    while(begin LESS length)
      string(SUBSTRING "${text}" ${begin} ${longest} piece)
      string(APPEND literals "\n    R\"${delimiter}(${piece})${delimiter}\"")
      math(EXPR begin "${begin} + ${longest}")
    endwhile()
  endforeach()
  set(${variable} "${${variable}}const std::string_view ${name} =${literals};\n\n" PARENT_SCOPE)
endfunction()

set(code "#include \"serve/page_text.h\"\n\nnamespace deformer::serve {\n\n")
append_text(code kPageHtml "${HTML}")
append_text(code kPageStyle "${STYLE}")
append_text(code kPageScript ${SCRIPTS})
string(APPEND code "}  // namespace deformer::serve\n")
file(WRITE "${OUTPUT}" "${code}")
