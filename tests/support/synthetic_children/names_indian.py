"""Names of South Asian Hindu and Sikh families, most frequent first."""

from tests.support.synthetic_children.words import words

BOYS = words("""
Arjun Aarav Krish Dev Rohan Arun Jay Aryan Ishaan Vihaan Reyansh Ayush Kiran Nikhil Rahul Shivam
Om Veer Kabir Neel Dhruv Aditya Yash Raj Ved Rudra Advik Shaurya Sai Pranav Karan Varun Vivaan
Harsh Hari Gurpreet Harpreet Jaspreet Manpreet Amrit Arman Fateh Zorawar Jovan Balraj Gurdeep
Harjot Hardeep Kulraj Navraj Prabhjot Ranveer Sahib Simran Sukhraj Tejas Uday Vikram Vishal
Zoravar Angad Kavi Milan Naveen Parth Rishi Samar Tanish
""")

GIRLS = words("""
Anaya Diya Aanya Priya Riya Asha Anika Meera Kavya Saanvi Aadhya Ishani Kiara Mira Nisha Pooja
Radha Shreya Sia Tara Trisha Vani Zara Avni Aarohi Anvi Bhavya Divya Gauri Isha Jasmeen Kareena
Khushi Lavanya Maya Myra Navya Nikita Pari Rhea Rupa Sanvi Shanaya Simran Sneha Suhani Tanvi Uma
Vidya Gurleen Harleen Jasleen Kirandeep Manpreet Navneet Prabhleen Rajveer Sukhmani Avneet Asees
Jaspreet Harpreet Amrit Mehar Sehaj Ravneet
""")

SIKH_BOYS = words("""
Arjan Harjot Gurpreet Jaspreet Fateh Angad Jovan Veer Manpreet Amrit Karan Sahib Ranveer Harpreet
Zorawar Navraj Gurdeep Balraj Kulraj Prabhjot Sukhraj Simran Hardeep Arman Taran Jeevan Dilraj
Gurjot Ekam Harman Jaskaran Kirat Manraj Pavan Rajan Sehaj Tejveer Udham Jagraj Avtar Bikram
Himmat Nihal
""")

SIKH_GIRLS = words("""
Simran Jasmeen Harleen Gurleen Jasleen Manpreet Harpreet Avneet Kirandeep Navneet Amrit Prabhleen
Sukhmani Asees Mehar Sehaj Ravneet Jaspreet Rajveer Kareena Anoop Baani Gurnoor Harnoor Ishleen
Jasnoor Keerat Livleen Mannat Nimrat Ramneek Roop Sahiba Tavleen Taran Gurpreet Kiran Ravleen
Seerat
""")

SURNAMES = words("""
Patel Singh Kaur Sharma Shah Kumar Gill Sandhu Dhillon Sidhu Mistry Gupta Mehta Joshi Desai Parmar
Reddy Chauhan Rai Bains Grewal Dhaliwal Johal Sohal Uppal Virk Bassi Bhogal Sahota Purewal Mann
Atwal Hayer Dosanjh Sangha Kang Lally Nijjar Randhawa Thandi Chahal Cheema Brar Aujla Basra Birdi
Chana Dhanda Flora Gandhi Garcha Hothi Jagdev Kalsi Khangura Khera Landa Lota Matharu Nagra
Panesar Pannu Phull Rehal Riyat Sagoo Sahni Sanghera Sehmi Sian Sokhi Sunner Tamber Thiara Toor
Verma Vyas Trivedi Solanki Rana Raval Rathod Panchal Pandya Naik Nair Menon Pillai Iyer Rao Kapoor
Khanna Malhotra Arora Bhatt Chopra Das Dutta Ghosh Sen Bose Jain Agarwal Amin Lad Limbachia Modha
Thakkar Vaghela
""")

SURNAME_STARTS = words("""
Bal Bha Bhan Chan Cha Dha Dhin Gar Gha Gre Has Jan Jha Kal Kha Lak Lam Mal Mang Nag Nar Pal Pan
Pur Ram Ran Sam San Sar Sek Shan Sur Tan Thak Vad Var Vis
""")
SURNAME_ENDS = words(
    "dhu ia war jal oria kar lal lani mani nani puri rana wala waria yani dra hania"
)

SECOND_GIVEN = {
    "female": words("Kaur Devi Kumari Ben Rani Lakshmi Jyoti Priya Rose"),
    "male": words("Singh Kumar Raj Bhai Lal Prasad Dev Chand James"),
}

PARENTS = {
    "female": words("""
Sunita Rekha Hina Jyoti Sonal Bhavna Nisha Kiran Anita Seema Rajinder Kulwinder Parminder
Harjinder Jaswinder Balvinder Sukhvinder Mandeep Ramandeep Gurvinder Nirmal Manjit Surinder Daljit
Alpa Hetal Kavita Reena Deepa Lata Meena Neha Pallavi Sangeeta Swati Varsha Anjali Rupinder
"""),
    "male": words("""
Rajesh Sanjay Amit Vijay Suresh Anil Sunil Dinesh Manoj Hitesh Nilesh Kamlesh Bhavesh Sukhdev
Jaswinder Baljit Gurmit Harjit Amarjit Kulwant Paramjit Sukhjinder Satnam Balwinder Ranjit
Mohinder Jagdeep Deepak Ashok Bharat Chetan Ketan Mukesh Nitin Pankaj Ravi Sandeep Tejinder
"""),
}
